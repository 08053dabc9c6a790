internal import Encoding

/// Makes one of forms that differ in few words. Forms come most frequent first; each joins the
/// first one with as many words of which it shares the outset and at least `shareMin`, and where
/// they differ that one gets a `<_>`. Forms of different levels never join.
///
/// After Drain (He et al., ICWS 2017), over forms instead of lines.
struct PatternMerge {
    struct Form {
        var text: [UInt8]
        /// The name of the lines' level.
        var level: [UInt8]
        var count: Int
        /// The time of the newest line, ns.
        var newest: Int64
        /// Lines by start of their step.
        var steps: [Int64: Int]
    }

    private struct Cluster {
        var words: [ArraySlice<UInt8>]
        var form: Form
    }

    /// Which share of the words must be the same.
    static let shareMin = 0.6
    /// Clusters a form is compared with.
    static let comparisonsMax = 64

    private var clusters: [Cluster] = []
    /// By level, number of words and first word.
    private var candidates: [[UInt8]: [Int]] = [:]

    mutating func add(_ form: Form) {
        let words = form.text.split(separator: 0x20, omittingEmptySubsequences: false)
        let key = form.level + Array("\n\(words.count) ".utf8) + (words.first ?? [])
        for number in candidates[key, default: []].prefix(PatternMerge.comparisonsMax)
        where join(words, number) {
            clusters[number].form.count += form.count
            clusters[number].form.newest = max(clusters[number].form.newest, form.newest)
            clusters[number].form.steps.merge(form.steps, uniquingKeysWith: +)
            return
        }
        candidates[key, default: []].append(clusters.count)
        clusters.append(Cluster(words: words, form: form))
    }

    private mutating func join(_ words: [ArraySlice<UInt8>], _ number: Int) -> Bool {
        let own = clusters[number].words
        let different = words.indices.filter { !words[$0].elementsEqual(own[$0]) }
        guard Double(words.count - different.count) >= PatternMerge.shareMin * Double(words.count)
        else { return false }
        for index in different {
            clusters[number].words[index] = PatternMerge.common(own[index], words[index])
        }
        return true
    }

    /// What two words share at their ends (`key=`, a comma), a wildcard between.
    private static func common(
        _ a: ArraySlice<UInt8>, _ b: ArraySlice<UInt8>
    ) -> ArraySlice<UInt8> {
        var start = zip(a, b).prefix { $0 == $1 }.count
        // Only whole parts: what is before a mark.
        while start > 0, isInner(a[a.startIndex + start - 1]) { start -= 1 }
        let rest = min(a.count, b.count) - start
        var end = zip(a.reversed(), b.reversed()).prefix { $0 == $1 }.count
        end = min(end, rest)
        while end > 0, isInner(a[a.endIndex - end]) { end -= 1 }
        return a.prefix(start) + LinePatterns.wildcard + a.suffix(end)
    }

    /// Whether a value may go on over it: letters, digits, and the marks of a wildcard.
    static func isInner(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F, 0x3C, 0x3E, 0x80...: true
        default: false
        }
    }

    /// Most frequent first.
    func forms() -> [Form] {
        clusters.map { cluster -> Form in
            var form = cluster.form
            // What a line itself has in angle brackets would be a name.
            form.text = LinePattern.anonymous(Array(cluster.words.joined(separator: [0x20])))
            return form
        }
        .sorted { a, b in
            if a.count != b.count { return a.count > b.count }
            return a.text == b.text
                ? a.level.lexicographicallyPrecedes(b.level)
                : a.text.lexicographicallyPrecedes(b.text)
        }
    }
}
