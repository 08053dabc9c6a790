internal import Encoding

/// Rules at work.
extension [RelabelRule] {
    /// Changes `labels` by each rule in order. False when one drops what has them.
    package func apply(to labels: inout MutableLabels) -> Bool {
        allSatisfy { $0.apply(to: &labels) }
    }
}

extension RelabelRule {
    /// False when what has the labels is dropped.
    func apply(to labels: inout MutableLabels) -> Bool {
        let value = fields.sourceLabels.map { labels[$0] }.joined(separator: fields.separator)
        let target = fields.targetLabel
        switch fields.action {
        case .keep: return expression.matchesWhole(value)
        case .drop: return !expression.matchesWhole(value)
        case .keepequal: return labels[target].utf8.elementsEqual(value.utf8)
        case .dropequal: return !labels[target].utf8.elementsEqual(value.utf8)
        case .replace: replace(value, in: &labels)
        case .lowercase: labels[target] = value.lowercased()
        case .uppercase: labels[target] = value.uppercased()
        case .hashmod: labels[target] = "\(RelabelRule.hash(value) % fields.modulus)"
        case .labelmap: map(&labels)
        case .labeldrop: remove(from: &labels) { expression.matchesWhole($0) }
        case .labelkeep: remove(from: &labels) { !expression.matchesWhole($0) }
        }
        return true
    }

    /// Nothing changes where the value does not match, or no name comes of it.
    private func replace(_ value: String, in labels: inout MutableLabels) {
        let bytes = Array(value.utf8)
        guard let groups = expression.firstMatch(in: bytes[...]) else { return }
        let name = target.expanded(bytes, groups)
        guard !name.isEmpty else { return }
        labels[name] = replacement.expanded(bytes, groups)
    }

    /// New names for the values of those that match, which stay as well.
    private func map(_ labels: inout MutableLabels) {
        for (name, value) in labels.pairs {
            let bytes = Array(name.utf8)
            guard let groups = expression.firstMatch(in: bytes[...]) else { continue }
            let mapped = replacement.expanded(bytes, groups)
            if !mapped.isEmpty { labels[mapped] = value }
        }
    }

    private func remove(from labels: inout MutableLabels, where isUnwanted: (String) -> Bool) {
        for (name, _) in labels.pairs where isUnwanted(name) { labels[name] = "" }
    }

    /// The last eight bytes of the MD5, the first of them the highest: what Prometheus spreads by,
    /// so that shares of targets stay the same when it hands over to this.
    private static func hash(_ value: String) -> UInt64 {
        MD5.digest(Array(value.utf8)).suffix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}
