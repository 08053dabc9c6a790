import Foundation
import Model
import Query

/// Behaviour scripts for LogQL (`Scripts/*.logtest`), blocks parted by blank lines, `#` comments:
///
///     load                                     adds lines; `clear` forgets all
///       {app="a"} 10s | text                   labels, time, optional {metadata}, text to the end
///       {app="a"} 0s+10sx6 | line $n           six lines, 10 s apart
///
///     eval lines [forward] [limit N] [from T] [to T] QUERY
///       {app="a", x="1"} 10s | text            final labels, in the order of the answer
///
///     eval instant at T QUERY                  eval range from T to T step T QUERY
///       {app="a"} 3                              {app="a"} 1 _ 3
///
///     eval fail QUERY
///       a part of the message
struct LogScript {
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    private struct Block {
        var line: Int
        var head: String
        var body: [String]
    }

    private let blocks: [Block]
    private var lines: [LogMemoryQuerier.Line] = []
    private let isSpread: Bool

    private var querier: any Querier {
        let memory = LogMemoryQuerier(lines)
        return isSpread ? SpreadQuerier(memory) : memory
    }

    /// `isSpread`: other nodes hold most lines, and reduce them.
    init(_ text: String, isSpread: Bool) {
        self.isSpread = isSpread
        var blocks: [Block] = []
        for (index, raw) in text.split(separator: "\n", omittingEmptySubsequences: false)
            .enumerated()
        {
            let line = String(raw)
            if line.hasPrefix("#") || line.allSatisfy(\.isWhitespace) { continue }
            if line.hasPrefix("  ") {
                blocks[blocks.count - 1].body.append(String(line.dropFirst(2)))
            } else {
                blocks.append(Block(line: index + 1, head: line, body: []))
            }
        }
        self.blocks = blocks
    }

    /// Runs all blocks; one sentence per block that did not behave.
    mutating func run() async -> [String] {
        var failures: [String] = []
        for block in blocks {
            do {
                try await run(block)
            } catch {
                failures.append("line \(block.line): \(block.head)\n\(error)")
            }
        }
        return failures
    }

    private mutating func run(_ block: Block) async throws {
        if block.head == "clear" {
            lines = []
        } else if block.head == "load" {
            for line in block.body { lines += try LogScript.loaded(line) }
        } else if block.head.hasPrefix("eval lines ") {
            try await evaluateLines(block)
        } else if block.head.hasPrefix("eval instant ") || block.head.hasPrefix("eval range ") {
            try await evaluateNumbers(block)
        } else if block.head.hasPrefix("eval fail ") {
            try await evaluateFailure(block)
        } else {
            throw Failure(description: "unknown block")
        }
    }

    private static func loaded(_ text: String) throws -> [LogMemoryQuerier.Line] {
        var scanner = Words(text)
        let labels = try scanner.labels()
        let time = scanner.word()
        var metadata = Labels.empty
        if scanner.isAtLabels { metadata = try scanner.labels() }
        let line = try scanner.text()
        guard let plus = time.firstIndex(of: "+"), let cross = time.lastIndex(of: "x") else {
            return [
                .init(
                    labels: labels, nanos: try nanos(time), text: Array(line.utf8),
                    metadata: metadata)
            ]
        }
        let start = try nanos(String(time[..<plus]))
        let step = try nanos(String(time[time.index(after: plus)..<cross]))
        let count = Int(time[time.index(after: cross)...]) ?? 0
        return (0..<count).map { index in
            .init(
                labels: labels, nanos: start + Int64(index) * step,
                text: Array(line.replacingOccurrences(of: "$n", with: "\(index)").utf8),
                metadata: metadata)
        }
    }

    static func nanos(_ text: String) throws -> Int64 {
        do {
            return try DurationText.parse(text)
        } catch {
            throw Failure(description: "bad time \(text)")
        }
    }

    private func evaluateLines(_ block: Block) async throws {
        var scanner = Words(String(block.head.dropFirst("eval lines ".count)))
        var request = LogQLRequest(
            tenant: .standard, query: try LogQLQuery("{}"), start: .distantPast,
            end: .distantFuture, budget: QueryBudget())
        options: while true {
            switch scanner.peekWord() {
            case "forward":
                _ = scanner.word()
                request.direction = .forward
            case "limit":
                _ = scanner.word()
                request.limit = Int(scanner.word())
            case "from":
                _ = scanner.word()
                request.start = Timestamp(nanos: try LogScript.nanos(scanner.word()))
            case "to":
                _ = scanner.word()
                request.end = Timestamp(nanos: try LogScript.nanos(scanner.word()))
            default: break options
            }
        }
        request.query = try LogQLQuery(scanner.rest)
        try checkCanonical(request.query)
        var found: [String] = []
        let engine = LogQLEngine(querier: querier)
        _ = try await engine.stream(request) { batch in
            for index in 0..<batch.lines.count {
                let labels = batch.streams[Int(batch.lines.streamIndexes[index])].labels
                let time = DurationText.format(nanos: batch.lines.timestamps[index])
                let text = batch.lines.bytes[batch.lines.lineRange(index)]
                found.append("\(labels) \(time) | \(String(decoding: text, as: UTF8.self))")
            }
            return true
        }
        try compare(found, block.body)
    }

    private func evaluateNumbers(_ block: Block) async throws {
        var scanner = Words(String(block.head.dropFirst("eval ".count)))
        var start: Int64 = 0
        var end: Int64 = 0
        var step: Int64 = 0
        let isInstant = scanner.word() == "instant"
        for word in isInstant ? ["at"] : ["from", "to", "step"] {
            guard scanner.word() == word else { throw Failure(description: "missing \(word)") }
            let value = try LogScript.nanos(scanner.word())
            switch word {
            case "from": start = value
            case "step": step = value
            default: end = value
            }
        }
        let query = try LogQLQuery(scanner.rest)
        try checkCanonical(query)
        let request = LogQLRequest(
            tenant: .standard, query: query, start: Timestamp(nanos: start),
            end: Timestamp(nanos: end), stepNanos: step, budget: QueryBudget())
        let answer = try await LogQLEngine(querier: querier).query(request)
        var found: [String] = []
        switch answer.answer.value {
        case .scalar(_, let value): found = [LogScript.text(value)]
        case .vector(let samples):
            for sample in samples {
                guard case .float(let value) = sample.value else { continue }
                found.append("\(sample.labels) \(LogScript.text(value))")
            }
        case .matrix(let series):
            for one in series {
                let values = stride(from: start, through: end, by: Int64.Stride(step)).map {
                    time -> String in
                    guard let at = one.timestampsMillis.firstIndex(of: time / 1_000_000) else {
                        return "_"
                    }
                    return LogScript.text(one.values[at])
                }
                found.append("\(one.labels) \(values.joined(separator: " "))")
            }
        case .string, .streams: throw Failure(description: "unexpected kind of value")
        }
        try compare(found, block.body)
    }

    /// Six significant decimals: enough to tell, few enough to write.
    private static func text(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value == value.rounded(), abs(value) < 1e15 { return String(Int64(value)) }
        return String((value * 1e6).rounded() / 1e6)
    }

    private func evaluateFailure(_ block: Block) async throws {
        let text = String(block.head.dropFirst("eval fail ".count))
        do {
            let request = LogQLRequest(
                tenant: .standard, query: try LogQLQuery(text), start: Timestamp(nanos: 0),
                end: Timestamp(nanos: 3_600_000_000_000), budget: QueryBudget())
            _ = try await LogQLEngine(querier: querier).query(request)
        } catch {
            let wanted = block.body.joined()
            if "\(error)".contains(wanted) { return }
            throw Failure(description: "  found: \(error)\n  wanted: \(wanted)")
        }
        throw Failure(description: "  did not fail")
    }

    /// The canonical text means the same, and is its own canonical text.
    private func checkCanonical(_ query: LogQLQuery) throws {
        let again = try LogQLQuery(query.description)
        if again.description != query.description {
            throw Failure(description: "canonical \(query) reads back as \(again)")
        }
    }

    private func compare(_ found: [String], _ wanted: [String]) throws {
        if found == wanted || found.isEmpty && wanted == ["(nothing)"] { return }
        throw Failure(
            description: "  found:\n    " + found.joined(separator: "\n    ") + "\n  wanted:\n    "
                + wanted.joined(separator: "\n    "))
    }

    /// Cuts a script's line.
    struct Words {
        private(set) var rest: String

        init(_ text: String) { rest = text }

        var isAtLabels: Bool { rest.hasPrefix("{") }

        func peekWord() -> String { String(rest.prefix { $0 != " " }) }

        mutating func word() -> String {
            let word = peekWord()
            rest = String(rest.dropFirst(word.count).drop { $0 == " " })
            return word
        }

        /// `{a="b", c="d"}`
        mutating func labels() throws -> Labels {
            guard isAtLabels, let end = rest.firstIndex(of: "}") else {
                throw Failure(description: "labels missing in \(rest)")
            }
            var pairs: [(String, String)] = []
            for part in rest[rest.index(after: rest.startIndex)..<end].split(separator: ",") {
                let sides = part.split(separator: "=", maxSplits: 1)
                guard sides.count == 2 else { throw Failure(description: "bad label \(part)") }
                pairs.append(
                    (
                        sides[0].trimmingCharacters(in: .whitespaces),
                        String(sides[1].dropFirst().dropLast())
                    ))
            }
            rest = String(rest[rest.index(after: end)...].drop { $0 == " " })
            return Labels(pairs)
        }

        mutating func text() throws -> String {
            guard rest.hasPrefix("|") else { throw Failure(description: "| missing in \(rest)") }
            return String(rest.dropFirst(rest.hasPrefix("| ") ? 2 : 1))
        }
    }
}
