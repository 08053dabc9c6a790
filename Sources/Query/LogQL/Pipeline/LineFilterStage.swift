internal import Model

/// A line filter as it is applied here: to lines that the storage has not filtered, or that an
/// earlier stage has rewritten.
struct LineFilterStage: Sendable {
    private enum Test: Sendable {
        case storage(LineFilter.Pattern)
        case address(AddressRange)
        case pattern(LinePattern)
    }

    private let tests: [Test]
    private let isNegated: Bool

    /// Nil for an expression that the parser would have refused.
    init?(_ filter: LineFilterExpression) {
        isNegated = filter.operation.isNegated
        var tests: [Test] = []
        for alternative in filter.alternatives {
            if alternative.isAddress {
                guard let range = AddressRange(alternative.text) else { return nil }
                tests.append(.address(range))
                continue
            }
            switch filter.operation {
            case .pattern, .notPattern: tests.append(.pattern(LinePattern(alternative.text)))
            default:
                guard
                    let patterns = LineFilterStage.patterns(alternative.text, filter.operation)
                else { return nil }
                tests += patterns.map { .storage($0) }
            }
        }
        self.tests = tests
    }

    init(_ filter: LineFilter) {
        tests = filter.alternatives.map { .storage($0) }
        isNegated = filter.negated
    }

    /// The filter as the storage applies it; nil when it cannot.
    static func pushedDown(_ filter: LineFilterExpression) -> LineFilter? {
        var patterns: [LineFilter.Pattern] = []
        for alternative in filter.alternatives {
            guard !alternative.isAddress,
                let some = self.patterns(alternative.text, filter.operation)
            else { return nil }
            patterns += some
        }
        return LineFilter(patterns, negated: filter.operation.isNegated)
    }

    /// The cheapest tests that say the same, joined by or: an expression that is but a literal, or
    /// a choice of literals, needs no engine.
    private static func patterns(
        _ text: String, _ operation: LineFilterExpression.Operation
    ) -> [LineFilter.Pattern]? {
        switch operation {
        case .contains, .notContains: return [.contains(Array(text.utf8))]
        case .pattern, .notPattern: return nil
        case .matches, .notMatches: break
        }
        let isFolded = text.hasPrefix("(?i)")
        let body = isFolded ? String(text.dropFirst(4)) : text
        let choices = body.split(separator: "|", omittingEmptySubsequences: false)
        let isPlain = choices.allSatisfy { choice in
            choice.utf8.allSatisfy { byte in
                byte >= 0x20 && !"\\.+*?()[]{}^$".utf8.contains(byte)
                    && (!isFolded || byte < 0x80)
            }
        }
        if isPlain {
            return choices.map { choice in
                isFolded
                    ? .containsFolded(choice.utf8.map(ByteSearch.folded))
                    : .contains(Array(choice.utf8))
            }
        }
        do {
            return [.matches(try RegularExpression(text))]
        } catch {
            return nil
        }
    }

    /// Whether `text[range]` passes.
    func passes(_ text: [UInt8], _ range: Range<Int>) -> Bool {
        for test in tests where holds(test, text, range) { return !isNegated }
        return isNegated
    }

    private func holds(_ test: Test, _ text: [UInt8], _ range: Range<Int>) -> Bool {
        switch test {
        case .storage(.contains(let needle)):
            ByteSearch.firstIndex(of: needle, in: text, range) != nil
        case .storage(.containsFolded(let needle)):
            ByteSearch.containsFolded(needle, in: text, range)
        case .storage(.matches(let expression)): expression.matches(in: text[range])
        case .address(let addresses): addresses.occurs(in: text, range)
        case .pattern(let pattern): pattern.matches(text, range)
        }
    }
}
