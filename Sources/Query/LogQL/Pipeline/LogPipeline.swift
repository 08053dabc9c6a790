internal import Model

/// A pipeline ready to run: takes one line after the other, keeps or drops it, and leaves its text
/// and labels to be read. A value: copies run independently.
///
/// Stages know from behind which labels will be asked for, so parsers make only those.
struct LogPipeline: Sendable {
    private enum Stage: Sendable {
        case lineFilter(LineFilterStage)
        case labelFilter(LabelFilterStage)
        /// Indexes of the arrays below, which change with each line.
        case probe(Int)
        case json(Int)
        case jsonPath(Int)
        case logfmt(Int)
        case unpack(Int)
        case regexp(RegexpStage)
        case pattern(PatternStage)
        case lineFormat(LineTemplateStage)
        case labelFormat(LabelFormatStage)
        case decolorize
        case choice(LabelChoiceStage)
        case unwrap(UnwrapStage)
        case distinct(Int)
    }

    /// Line filters at the head, for the storage to apply.
    private(set) var headFilters: [LineFilter] = []
    private var headStages: [LineFilterStage] = []
    private var stages: [Stage] = []
    private var probes: [FilterProbe] = []
    private var jsonStages: [JSONStage] = []
    private var jsonPathStages: [JSONPathStage] = []
    private var logfmtStages: [LogfmtStage] = []
    private var unpackStages: [UnpackStage] = []
    private var distinctStages: [DistinctStage] = []
    /// Labels of the line that `run` was called with last.
    private(set) var fields = LineFields()
    /// The line when a stage has rewritten it.
    private var rewritten: [UInt8] = []
    private var spare: [UInt8] = []
    private var isRewritten = false
    /// What `unwrap` made of the line.
    private(set) var unwrapped: Double?

    /// The query's time, ns, for templates; nil for that of each line.
    private let nowNanos: Int64?

    /// `needs`: the labels asked for after the last stage. `now`: the query's time.
    init(_ log: LogExpression, needs: FieldNeeds, now: Timestamp?) {
        nowNanos = now?.nanos
        var rest = log.stages[...]
        while case .lineFilter(let filter)? = rest.first,
            let pushed = LineFilterStage.pushedDown(filter)
        {
            headFilters.append(pushed)
            headStages.append(LineFilterStage(pushed))
            rest = rest.dropFirst()
        }
        var after = needs
        var needsByStage: [FieldNeeds] = []
        for stage in rest.reversed() {
            needsByStage.append(after)
            LogPipeline.add(needsOf: stage, to: &after)
        }
        /// Whether lines and labels are still those that came.
        var areUnchanged = true
        for (index, (stage, needs)) in zip(rest.indices, zip(rest, needsByStage.reversed())) {
            if areUnchanged { appendProbe(rest[index...], needs) }
            if case .lineFilter = stage {} else { areUnchanged = false }
            append(stage, needs)
        }
    }

    /// If `stages` begin with a parser and filters behind it.
    private mutating func appendProbe(_ stages: ArraySlice<PipelineStage>, _ needs: FieldNeeds) {
        guard let parser = stages.first else { return }
        var filters: [LabelFilterExpression] = []
        for case .labelFilter(let filter) in stages.dropFirst().prefix(while: \.isLabelFilter) {
            filters.append(filter)
        }
        guard let probe = FilterProbe(parser, filters, needs: needs, names: &fields.names)
        else { return }
        self.stages.append(.probe(probes.count))
        probes.append(probe)
    }

    /// Whether every line that the storage sends passes as it is, with its labels as they are.
    var isIdentity: Bool { stages.isEmpty }

    /// Whether no stage behind the head can drop a line: then a limit holds for the storage too.
    var keepsAllLines: Bool {
        stages.allSatisfy { stage in
            switch stage {
            case .lineFilter, .labelFilter, .unwrap, .distinct, .probe: false
            default: true
            }
        }
    }

    /// Whether the order of lines matters.
    var hasDistinct: Bool { !distinctStages.isEmpty }

    /// Combinations of values that `distinct` remembers.
    var distinctCount: Int { distinctStages.reduce(0) { $0 + $1.count } }

    /// Has `distinct` begin afresh.
    mutating func forgetDistinct() {
        for slot in distinctStages.indices { distinctStages[slot].removeAll() }
    }

    /// Numbers for the names that the user of `fields` asks for.
    mutating func name(_ text: String) -> Int { fields.names.number(of: text) }

    private static func add(needsOf stage: PipelineStage, to needs: inout FieldNeeds) {
        switch stage {
        case .labelFilter(let filter): LabelFilterStage.addNeeds(filter, to: &needs)
        case .lineFormat(let text): add(template: text, to: &needs)
        case .labelFormat(let assignments):
            for assignment in assignments {
                switch assignment.source {
                case .label(let name): needs.add(name)
                case .template(let text): add(template: text, to: &needs)
                }
            }
        case .keep(let choices):
            if needs.names == nil { needs.names = [] }
            for choice in choices { needs.add(choice.name) }
        case .drop(let choices):
            for case .matching(let matcher) in choices { needs.add(matcher.name) }
        case .unwrap(let unwrap): needs.add(unwrap.label)
        case .distinct(let names): for name in names { needs.add(name) }
        case .lineFilter, .json, .logfmt, .regexp, .pattern, .unpack, .decolorize: break
        }
    }

    private static func add(template text: String, to needs: inout FieldNeeds) {
        do {
            guard let labels = try LineTemplate(text).labels else {
                needs = .all
                return
            }
            for label in labels { needs.add(label) }
        } catch {
            preconditionFailure("BUG: the parser let a bad template through")
        }
    }

    private mutating func append(_ stage: PipelineStage, _ needs: FieldNeeds) {
        switch stage {
        case .lineFilter(let filter):
            stages.append(.lineFilter(LogPipeline.sound(LineFilterStage(filter))))
        case .labelFilter(let filter):
            stages.append(
                .labelFilter(LogPipeline.sound(LabelFilterStage(filter, names: &fields.names))))
        case .json, .logfmt, .regexp, .pattern, .unpack: append(parser: stage, needs)
        case .lineFormat(let text):
            stages.append(
                .lineFormat(
                    LogPipeline.sound(
                        LineTemplateStage.make(
                            text, name: "line", nowNanos: nowNanos, &fields.names))))
        case .labelFormat(let assignments):
            stages.append(
                .labelFormat(
                    LogPipeline.sound(
                        LabelFormatStage(
                            assignments, nowNanos: nowNanos, names: &fields.names))))
        case .decolorize: stages.append(.decolorize)
        case .drop(let choices):
            stages.append(
                .choice(LabelChoiceStage(choices, isKeep: false, names: &fields.names)))
        case .keep(let choices):
            stages.append(
                .choice(LabelChoiceStage(choices, isKeep: true, names: &fields.names)))
        case .unwrap(let unwrap):
            stages.append(.unwrap(UnwrapStage(unwrap, names: &fields.names)))
        case .distinct(let names):
            stages.append(.distinct(distinctStages.count))
            distinctStages.append(DistinctStage(names, &fields.names))
        }
    }

    private mutating func append(parser stage: PipelineStage, _ needs: FieldNeeds) {
        // Unpack may change the line, so it runs even when nobody asks for its labels.
        if case .unpack = stage {
            stages.append(.unpack(unpackStages.count))
            unpackStages.append(UnpackStage(needs: needs))
            return
        }
        if needs.isEmpty { return }
        switch stage {
        case .json(let fields) where fields.isEmpty:
            stages.append(.json(jsonStages.count))
            jsonStages.append(JSONStage(needs: needs))
        case .json(let extractions):
            stages.append(.jsonPath(jsonPathStages.count))
            jsonPathStages.append(
                JSONPathStage(extractions, needs: needs, names: &fields.names))
        case .logfmt(let isStrict, _, let extractions):
            stages.append(.logfmt(logfmtStages.count))
            logfmtStages.append(
                LogfmtStage(
                    isStrict: isStrict, extractions: extractions, needs: needs,
                    names: &fields.names))
        case .regexp(let text):
            let expression: RegularExpression
            do {
                expression = try RegularExpression(text)
            } catch {
                preconditionFailure("BUG: the parser let a bad expression through")
            }
            stages.append(.regexp(RegexpStage(expression, needs: needs, names: &fields.names)))
        case .pattern(let text):
            stages.append(
                .pattern(PatternStage(LinePattern(text), needs: needs, names: &fields.names)))
        default: break
        }
    }

    private static func sound<Value>(_ value: Value?) -> Value {
        guard let value else {
            preconditionFailure("BUG: the parser let a bad pipeline stage through")
        }
        return value
    }

    /// The labels of the stream whose lines come next.
    mutating func beginStream(_ labels: Labels) { fields.beginStream(labels) }

    /// Takes up a line's metadata without running a stage.
    mutating func beginLine(metadata: ArraySlice<UInt8>) {
        fields.beginLine()
        fields.addMetadata(metadata)
    }

    /// Gives the line a label of our own making.
    mutating func set(_ name: String, _ value: String) {
        fields.set(fields.names.number(of: name), .parsed, value.utf8)
    }

    /// Whether the head filters let `text[range]` pass: for lines that no storage has filtered.
    func passesHead(_ text: [UInt8], _ range: Range<Int>) -> Bool {
        headStages.allSatisfy { $0.passes(text, range) }
    }

    /// Runs the stages behind the head filters over `text[range]`. True: the line stays; `fields`
    /// holds its labels, `line` its text.
    mutating func run(
        _ text: [UInt8], _ range: Range<Int>, metadata: ArraySlice<UInt8>, timestamp: Int64
    ) -> Bool {
        isRewritten = false
        unwrapped = nil
        fields.beginLine()
        fields.addMetadata(metadata)
        for index in stages.indices {
            let kept =
                isRewritten
                ? step(index, rewritten, 0..<rewritten.count, metadata, timestamp)
                : step(index, text, range, metadata, timestamp)
            if !kept { return false }
        }
        return true
    }

    /// The line as the stages left it: `text[range]`, or what took its place.
    func line(_ text: [UInt8], _ range: Range<Int>) -> ArraySlice<UInt8> {
        isRewritten ? rewritten[...] : text[range]
    }

    private mutating func step(
        _ index: Int, _ text: [UInt8], _ range: Range<Int>, _ metadata: ArraySlice<UInt8>,
        _ timestamp: Int64
    ) -> Bool {
        switch stages[index] {
        case .lineFilter(let filter): return filter.passes(text, range)
        case .labelFilter(let filter): return filter.passes(&fields)
        case .probe(let slot):
            if probes[slot].isResting { return true }
            guard probes[slot].passes(text, range, &fields) else { return false }
            fields.beginLine()
            fields.addMetadata(metadata)
        case .json(let slot): jsonStages[slot].apply(text, range, &fields)
        case .jsonPath(let slot): jsonPathStages[slot].apply(text, range, &fields)
        case .logfmt(let slot): logfmtStages[slot].apply(text, range, &fields)
        case .unpack(let slot):
            if unpackStages[slot].apply(text, range, &fields, line: &spare) { takeSpare() }
        case .regexp(let stage): stage.apply(text, range, &fields)
        case .pattern(let stage): stage.apply(text, range, &fields)
        case .lineFormat(let template):
            spare.removeAll(keepingCapacity: true)
            let problem = template.render(
                text, range, timestamp: timestamp, fields, into: &spare)
            if let problem {
                fields.setError("TemplateFormatErr", details: problem.message)
            } else {
                takeSpare()
            }
        case .labelFormat(let stage):
            stage.apply(text, range, timestamp: timestamp, &fields)
        case .decolorize:
            spare.removeAll(keepingCapacity: true)
            Decolorizer.append(text, range, to: &spare)
            takeSpare()
        case .choice(let stage): stage.apply(&fields)
        case .unwrap(let stage):
            unwrapped = stage.value(&fields)
            return unwrapped != nil
        case .distinct(let slot): return distinctStages[slot].passes(fields)
        }
        return true
    }

    private mutating func takeSpare() {
        swap(&rewritten, &spare)
        isRewritten = true
    }
}

extension PipelineStage {
    fileprivate var isLabelFilter: Bool {
        if case .labelFilter = self { true } else { false }
    }
}
