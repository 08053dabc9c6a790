internal import Model

/// What labels or structured metadata say of the level of a line.
enum SaidLevel: Sendable {
    case nothing
    case level(LogLevel)
    /// A word that is no level; it is kept as it is, as Loki does.
    case word([UInt8])

    /// What the labels of a stream say, once for all of its lines.
    init(_ labels: Labels) {
        self = .nothing
        var rank = Int.max
        var said: ArraySlice<UInt8>?
        labels.forEachSlice { name, value in
            if let found = LevelFields.rank(of: name), found < rank {
                (rank, said) = (found, value)
            }
            return true
        }
        if let said {
            self = LogLevel(named: said).map { .level($0) } ?? .word(Array(said))
        }
    }
}

/// What the structured metadata of the line at hand says of its level, as its pairs come in.
///
/// `detected_level` itself counts before everything else. Then, as in Loki, the first name of
/// `LevelFields`; a word there that is no level counts behind a severity number.
struct MetadataLevel {
    /// The metadata has a `detected_level`: nothing is added.
    private(set) var isGiven = false
    private var rank = Int.max
    private var level: LogLevel?
    /// The value at `rank`, when it is no level.
    private var word: [UInt8] = []
    private var numbered: LogLevel?

    /// The next line.
    mutating func begin() {
        isGiven = false
        rank = .max
        level = nil
        numbered = nil
        word.removeAll(keepingCapacity: true)
    }

    /// Looks at a pair; what is to be stored as its value.
    mutating func take(
        _ name: ArraySlice<UInt8>, _ value: ArraySlice<UInt8>
    ) -> ArraySlice<UInt8> {
        guard let first = name.first, !value.isEmpty else { return value }
        if first == 0x64, name.elementsEqual(LogLevel.label.utf8) {
            isGiven = true
            return LogLevel(named: value)?.nameBytes ?? value
        }
        if first == 0x73, name.elementsEqual("severity_number".utf8) {
            // Loki takes what is no number for info.
            let number = DecimalText.integer(value.span, 0, value.count)
            numbered = number.map { LogLevel(severityNumber: $0) ?? .unknown } ?? .info
        } else if let found = LevelFields.rank(of: name), found < rank {
            rank = found
            level = LogLevel(named: value)
            word.removeAll(keepingCapacity: true)
            if level == nil { word.append(contentsOf: value) }
        }
        return value
    }

    /// Appends the level of `line` to its metadata, unless that has one. `stream`: what the labels of
    /// its stream say, which counts first; the line itself counts last.
    func append(to metadata: inout [UInt8], stream: SaidLevel, line: ArraySlice<UInt8>) {
        guard !isGiven else { return }
        switch stream {
        case .level(let level): level.append(to: &metadata)
        case .word(let word): PairBytes.append(LogLevel.label, word[...], to: &metadata)
        case .nothing:
            if let level = level ?? numbered {
                level.append(to: &metadata)
            } else if !word.isEmpty {
                PairBytes.append(LogLevel.label, word[...], to: &metadata)
            } else {
                LineLevel.level(of: line).append(to: &metadata)
            }
        }
    }
}
