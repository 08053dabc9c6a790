/// Texts that every match of an expression holds: what an index can look up before the expression
/// itself runs. Necessary, never sufficient.
package indirect enum RequiredLiterals: Hashable, Sendable {
    /// Nothing is known to be required.
    case anything
    /// The match holds these bytes; without regard to ASCII case if `ignoresCase` (then given in
    /// lower case). Never empty.
    case literal([UInt8], ignoresCase: Bool)
    /// All of these.
    case all([RequiredLiterals])
    /// At least one of these.
    case either([RequiredLiterals])
}

extension RegularExpression {
    /// What every match of this expression holds. O(pattern). What the reader below does not know
    /// makes it say less, never more; RE2 has compiled the pattern before.
    package var requiredLiterals: RequiredLiterals {
        var reader = LiteralReader(pattern, foldsCase: foldsCase)
        return reader.read()
    }
}

/// Reads RE2 syntax (https://github.com/google/re2/wiki/Syntax) for its literals only.
private struct LiteralReader {
    /// Groups in groups; deeper ones require nothing.
    private static let depthMax = 100
    /// Alternatives looked up one by one; more require nothing.
    private static let alternativesMax = 64

    /// What one item or sequence requires. `exact`: it matches this text and nothing else.
    private struct Piece {
        var required: RequiredLiterals = .anything
        var exact: [UInt8]?

        static let unknown = Piece()
    }

    private let pattern: [Unicode.Scalar]
    private var place = 0
    private var ignoresCase: Bool
    private var depth = 0
    private var hasGivenUp = false

    init(_ pattern: String, foldsCase: Bool) {
        self.pattern = Array(pattern.unicodeScalars)
        ignoresCase = foldsCase
    }

    mutating func read() -> RequiredLiterals {
        let piece = alternation()
        return hasGivenUp || place < pattern.count ? .anything : piece.required
    }

    private var next: Unicode.Scalar? { place < pattern.count ? pattern[place] : nil }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard next == scalar else { return false }
        place += 1
        return true
    }

    private mutating func alternation() -> Piece {
        // Flags set inside of a group end with it, and hold for later alternatives.
        let flag = ignoresCase
        defer { ignoresCase = flag }
        var pieces = [sequence()]
        while take("|") { pieces.append(sequence()) }
        guard pieces.count > 1 else { return pieces[0] }
        let required = pieces.map(\.required)
        guard pieces.count <= LiteralReader.alternativesMax, !required.contains(.anything) else {
            return .unknown
        }
        return Piece(required: .either(required))
    }

    private mutating func sequence() -> Piece {
        var parts: [RequiredLiterals] = []
        var run: [UInt8] = []
        var runIgnoresCase = ignoresCase
        var isExact = true
        func closed() -> RequiredLiterals? {
            run.isEmpty ? nil : .literal(run, ignoresCase: runIgnoresCase)
        }
        while let scalar = next, scalar != "|", scalar != ")", !hasGivenUp {
            let itemIgnoresCase = ignoresCase
            let item = item()
            let least = repetition()
            if let text = item.exact, least == 1 {
                if runIgnoresCase != itemIgnoresCase || ignoresCase != itemIgnoresCase {
                    if let literal = closed() { parts.append(literal) }
                    run = []
                    isExact = false
                }
                runIgnoresCase = itemIgnoresCase
                run += text
                continue
            }
            isExact = false
            if let literal = closed() { parts.append(literal) }
            run = []
            if least == nil || least == 1, item.required != .anything {
                parts.append(item.required)
            }
        }
        if let literal = closed() { parts.append(literal) }
        let required: RequiredLiterals =
            parts.isEmpty ? .anything : parts.count == 1 ? parts[0] : .all(parts)
        return Piece(required: required, exact: isExact ? run : nil)
    }

    /// 1: the item stands once; nil: once or more often; 0: perhaps not at all.
    private mutating func repetition() -> Int? {
        var least: Int? = 1
        while let scalar = next {
            switch scalar {
            case "*", "?":
                place += 1
                least = 0
            case "+":
                place += 1
                if least == 1 { least = nil }
            case "{":
                guard let minimum = counted() else { return least }
                if minimum == 0 { least = 0 } else if least == 1 { least = nil }
            default: return least
            }
        }
        return least
    }

    /// The minimum of `{n}`, `{n,}` or `{n,m}`; nil, and nothing taken, when it is text.
    private mutating func counted() -> Int? {
        var at = place + 1
        var minimum = 0
        let first = at
        while at < pattern.count, let digit = pattern[at].digit {
            minimum = min(minimum * 10 + digit, 100_000)
            at += 1
        }
        guard at > first, at < pattern.count else { return nil }
        if pattern[at] == "," {
            at += 1
            while at < pattern.count, pattern[at].digit != nil { at += 1 }
        }
        guard at < pattern.count, pattern[at] == "}" else { return nil }
        place = at + 1
        return minimum
    }

    private mutating func item() -> Piece {
        let scalar = pattern[place]
        place += 1
        switch scalar {
        case ".", "^", "$": return .unknown
        case "[":
            skipClass()
            return .unknown
        case "(": return group()
        case "\\": return escape()
        default: return text(scalar)
        }
    }

    /// The bytes of a character, if it is sure that a match holds them.
    private func text(_ scalar: Unicode.Scalar) -> Piece {
        guard scalar.value != 0xFFFD else { return .unknown }
        guard ignoresCase else { return exactly(Array(String(scalar).utf8)) }
        // Some letters have a fold outside of ASCII (K, S), and all others may have several.
        guard scalar.isASCII, !"kKsS".unicodeScalars.contains(scalar) else { return .unknown }
        let byte = UInt8(scalar.value)
        return exactly([byte &- 0x41 < 26 ? byte | 0x20 : byte])
    }

    private func exactly(_ bytes: [UInt8]) -> Piece {
        Piece(required: .literal(bytes, ignoresCase: ignoresCase), exact: bytes)
    }

    private mutating func group() -> Piece {
        depth += 1
        defer { depth -= 1 }
        guard depth <= LiteralReader.depthMax else {
            hasGivenUp = true
            return .unknown
        }
        let outer = ignoresCase
        if take("?") {
            if take("P") || next == "<" {
                while let scalar = next, scalar != ">" { place += scalar == ">" ? 0 : 1 }
                place += 1
            } else {
                var isOn = true
                flags: while let scalar = next {
                    place += 1
                    switch scalar {
                    case "i": ignoresCase = isOn
                    case "-": isOn = false
                    case ")":
                        // Holds to the end of the enclosing group, whose alternation restores it.
                        return Piece(required: .anything, exact: ignoresCase == outer ? [] : nil)
                    case ":": break flags
                    case "m", "s", "U": continue
                    default:
                        hasGivenUp = true
                        return .unknown
                    }
                }
            }
        }
        let piece = alternation()
        let inner = ignoresCase
        ignoresCase = outer
        guard take(")") else {
            hasGivenUp = true
            return .unknown
        }
        // A text in another case than its surroundings can not run on with them.
        return inner == outer ? piece : Piece(required: piece.required)
    }

    private mutating func escape() -> Piece {
        guard let scalar = next else {
            hasGivenUp = true
            return .unknown
        }
        place += 1
        switch scalar {
        case "Q": return quoted()
        case "d", "D", "w", "W", "s", "S", "b", "B", "A", "z", "C": return .unknown
        case "p", "P":
            if take("{") {
                while let inner = next, inner != "}" { place += inner == "}" ? 0 : 1 }
            }
            place += 1
            return .unknown
        case "n": return text("\n")
        case "t": return text("\t")
        case "r": return text("\r")
        default:
            let isPlain = scalar.isASCII && !scalar.properties.isAlphabetic && scalar.digit == nil
            // Octal, \x and whatever else: rare, and not worth being wrong about.
            if !isPlain { hasGivenUp = true }
            return isPlain ? text(scalar) : .unknown
        }
    }

    /// `\Q…\E`: text, except that a repetition behind it holds for its last character alone.
    private mutating func quoted() -> Piece {
        var bytes: [UInt8] = []
        var isSure = true
        while place < pattern.count {
            if next == "\\", place + 1 < pattern.count, pattern[place + 1] == "E" {
                place += 2
                break
            }
            if let piece = text(pattern[place]).exact { bytes += piece } else { isSure = false }
            place += 1
        }
        if let scalar = next, ["*", "?", "+", "{"].contains(scalar) { isSure = false }
        return isSure && !bytes.isEmpty ? exactly(bytes) : .unknown
    }

    private mutating func skipClass() {
        _ = take("^")
        _ = take("]")
        while let scalar = next, scalar != "]" {
            place += 1
            if scalar == "\\" {
                place += 1
            } else if scalar == "[", next == ":", let end = namedClassEnd() {
                place = end
            }
        }
        // RE2 has found the end of it: this reader has not understood the class.
        if place >= pattern.count { hasGivenUp = true }
        place += 1
    }

    /// Behind the `:]` of a `[:name:]` whose `:` is next; nil when there is none, and `[` is text.
    private func namedClassEnd() -> Int? {
        var at = place + 1
        while at + 1 < pattern.count {
            if pattern[at] == ":", pattern[at + 1] == "]" { return at + 2 }
            at += 1
        }
        return nil
    }
}

extension Unicode.Scalar {
    fileprivate var digit: Int? {
        value >= 0x30 && value <= 0x39 ? Int(value) - 0x30 : nil
    }
}
