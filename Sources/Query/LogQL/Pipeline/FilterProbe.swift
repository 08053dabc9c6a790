internal import Model

/// A parser and the label filters behind it, carried out ahead of them with only the labels that
/// the filters name: most lines of a search are dropped by it, and then nothing else of them has
/// been taken up, or read. What it lets pass goes through the stages as if it had not been there.
///
/// It drops a line only if the stages would. It reads the same members of a line in the same way,
/// so it finds the same values and the same error. It stops early, when all labels that the
/// filters name are there, only where what follows cannot be seen: what a parser found first
/// stays, and an error further on is seen by conditions on numbers, sizes and addresses, which
/// let lines with an error pass, and by those on the error itself.
struct FilterProbe: Sendable {
    /// One of the two.
    private var json: JSONStage?
    private var logfmt: LogfmtStage?
    private let filters: [LabelFilterStage]
    /// Of the lines looked at since the last rest.
    private var lineCount = 0
    private var dropCount = 0
    /// Lines that are yet to go by unlooked at.
    private var restCount = 0

    /// Lines after which the probe asks itself whether it pays.
    private static let trialLines = 256
    /// Lines that it lets go by when it does not.
    private static let restLines = 4_096

    /// Nil where it could not save anything. `needs`: the labels that the parser has to make.
    init?(
        _ stage: PipelineStage, _ filters: [LabelFilterExpression], needs: FieldNeeds,
        names: inout FieldNames
    ) {
        guard !filters.isEmpty else { return nil }
        var wanted = FieldNeeds(names: [])
        var seesErrors = false
        for filter in filters {
            LabelFilterStage.addNeeds(filter, to: &wanted)
            seesErrors = seesErrors || filter.seesErrors
        }
        let numbers = (wanted.names ?? []).sorted().map { names.number(of: $0) }
        switch stage {
        case .json(let extractions) where extractions.isEmpty:
            if seesErrors, wanted == needs { return nil }
            json = JSONStage(needs: wanted, reach: needs, goals: seesErrors ? [] : numbers)
        case .logfmt(let isStrict, _, let extractions) where extractions.isEmpty:
            if isStrict, seesErrors, wanted == needs { return nil }
            logfmt = LogfmtStage(
                isStrict: isStrict, extractions: [], needs: wanted,
                goals: isStrict && seesErrors ? [] : numbers, names: &names)
        default: return nil
        }
        var stages: [LabelFilterStage] = []
        for filter in filters {
            guard let stage = LabelFilterStage(filter, names: &names) else { return nil }
            stages.append(stage)
        }
        self.filters = stages
    }

    /// Whether the next line is to go by; called once before each.
    var isResting: Bool {
        mutating get {
            guard restCount > 0 else { return false }
            restCount -= 1
            return true
        }
    }

    /// False: the stages would drop the line `text[range]`. `fields` must be as they are before
    /// the parser; they are left changed.
    mutating func passes(
        _ text: [UInt8], _ range: Range<Int>, _ fields: inout LineFields
    ) -> Bool {
        json?.apply(text, range, &fields)
        logfmt?.apply(text, range, &fields)
        var isKept = true
        for filter in filters where isKept { isKept = filter.passes(&fields) }
        count(isKept: isKept)
        return isKept
    }

    private mutating func count(isKept: Bool) {
        lineCount += 1
        if !isKept { dropCount += 1 }
        guard lineCount == FilterProbe.trialLines else { return }
        if dropCount * 2 < lineCount { restCount = FilterProbe.restLines }
        lineCount = 0
        dropCount = 0
    }
}

extension LabelFilterExpression {
    /// Whether an error of the line makes a difference to the filter.
    fileprivate var seesErrors: Bool {
        switch self {
        case .and(let left, let right), .or(let left, let right):
            left.seesErrors || right.seesErrors
        case .string(let matcher):
            matcher.name == "__error__" || matcher.name == "__error_details__"
        case .quantity, .address: true
        }
    }
}
