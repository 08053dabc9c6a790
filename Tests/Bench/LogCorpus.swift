internal import Encoding
internal import Glibc
internal import Platform

/// Log lines to measure with, in streams of which each is one file's lines.
///
/// `real()`: the files of shared/data and this machine's own logs as they are, once.
///
/// `amplified(rawBytesMin:)`: copies of these files until there is enough. In each copy 35 % of the
/// runs of two digits or more and of the hexadecimal ids (UUIDs and the parts of IP addresses are
/// such runs) are drawn anew with their length kept, each occurrence by itself, and every clock
/// time hh:mm:ss goes on by the age of the copy. Dates stay. Four hosts take turns with the copies.
/// The same on every run for the same files.
struct LogCorpus {
    struct Stream {
        var host: String
        var app: String
        /// Each line ends where `lineEnds` says; there are no line feeds.
        var bytes: [UInt8] = []
        var lineEnds: [UInt32] = []
    }

    var name: String
    var streams: [Stream]

    var rawBytes: Int { streams.reduce(0) { $0 + $1.bytes.count } }
    var lineCount: Int { streams.reduce(0) { $0 + $1.lineEnds.count } }

    /// Nil, with a message, where there is no shared/data.
    static func real() -> LogCorpus? {
        let files = realFiles()
        guard unsafe access("../shared/data", R_OK) == 0 else {
            print("log bench: no ../shared/data; run from the project's root beside it. Skipped.")
            return nil
        }
        return LogCorpus(
            name: "real",
            streams: files.map { file in
                var stream = Stream(host: "web-1", app: file.app)
                forEachLine(of: file.content) { stream.append(file.content[$0]) }
                return stream
            })
    }

    /// Nil, with a message, where there is no shared/data.
    static func amplified(rawBytesMin: Int) -> LogCorpus? {
        guard let real = real() else { return nil }
        var streams: [String: Stream] = [:]
        var order: [String] = []
        var random = BenchSeries.Random(seed: 17)
        var rawBytes = 0
        var copy = 0
        while rawBytes < rawBytesMin {
            for source in real.streams {
                let host = "web-\(copy % 4 + 1)"
                let key = host + " " + source.app
                if streams[key] == nil {
                    order.append(key)
                    streams[key] = Stream(host: host, app: source.app)
                }
                var start = 0
                for end in source.lineEnds {
                    var line = Array(source.bytes[start..<Int(end)])
                    start = Int(end)
                    LineVariation.vary(&line, seconds: copy * 727, &random)
                    streams[key]?.append(line[...])
                    rawBytes += line.count
                }
            }
            copy += 1
        }
        return LogCorpus(name: "amplified", streams: order.compactMap { streams[$0] })
    }

    private static func realFiles() -> [(app: String, content: [UInt8])] {
        var files: [(app: String, content: [UInt8])] = []
        for (root, suffix) in [("../shared/data", ".log.gz"), ("/var/log", ".log")]
        where unsafe access(root, R_OK) == 0 {
            do {
                let disk = try LocalDisk(root: root)
                let names = try disk.list(.root).map(\.name).filter { $0.hasSuffix(suffix) }
                let nested = root == "/var/log" ? ["apt/history.log", "apt/term.log"] : []
                for name in names.sorted() + nested {
                    let path = DiskPath(name)
                    guard disk.exists(path) else { continue }
                    let bytes = try disk.readAll(path)
                    let content =
                        suffix == ".log" ? bytes : try Gzip.decompress(bytes, limit: 1 << 30)
                    let app = String(name.dropLast(suffix.count).map { $0 == "/" ? "-" : $0 })
                    if !content.isEmpty { files.append((app, content)) }
                }
            } catch {
                print("log bench: \(root): \(error)")
            }
        }
        return files
    }

    private static func forEachLine(of content: [UInt8], _ body: (Range<Int>) -> Void) {
        var start = 0
        while start < content.count {
            let end =
                ByteScan.firstIndex(of: 0x0A, in: content, from: start, to: content.count)
                ?? content.count
            if end > start { body(start..<end) }
            start = end + 1
        }
    }
}

extension LogCorpus.Stream {
    mutating func append(_ line: ArraySlice<UInt8>) {
        bytes.append(contentsOf: line)
        lineEnds.append(UInt32(bytes.count))
    }
}

extension LogCorpus {
    /// The corpus as connections of logspout send it: RFC 5424 with times in whole seconds, about
    /// 500 lines a second, the streams taking turns with eight lines each. Calls `body` with pieces
    /// of about a MiB that end at a line.
    func forEachSyslogPiece(_ body: ([UInt8]) throws -> Void) rethrows {
        var piece: [UInt8] = []
        var next = [Int](repeating: 0, count: streams.count)
        var sent = 0
        var isLeft = true
        while isLeft {
            isLeft = false
            for (number, stream) in streams.enumerated() {
                let text = Array(
                    "<14>1 \(LogCorpus.time(sent / 500)) \(stream.host) \(stream.app) 4711 - - "
                        .utf8)
                for _ in 0..<8 where next[number] < stream.lineEnds.count {
                    let row = next[number]
                    let start = row == 0 ? 0 : Int(stream.lineEnds[row - 1])
                    piece += text
                    piece += stream.bytes[start..<Int(stream.lineEnds[row])]
                    piece.append(0x0A)
                    next[number] += 1
                    sent += 1
                    isLeft = true
                }
                if piece.count >= 1 << 20 {
                    try body(piece)
                    piece.removeAll(keepingCapacity: true)
                }
            }
        }
        if !piece.isEmpty { try body(piece) }
    }

    /// 24 November 2026 so many seconds after midnight.
    private static func time(_ seconds: Int) -> String {
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let clock = "\(two(seconds / 3_600 % 24)):\(two(seconds / 60 % 60)):\(two(seconds % 60))"
        return "2026-11-\(24 + seconds / 86_400)T\(clock)Z"
    }
}

/// What makes a copied line differ from its source: see `LogCorpus`.
private enum LineVariation {
    static func vary(
        _ line: inout [UInt8], seconds: Int, _ random: inout BenchSeries.Random
    ) {
        var at = 0
        while at < line.count {
            let start = at
            while at < line.count, isWord(line[at]) { at += 1 }
            guard at > start else {
                at += 1
                continue
            }
            if let end = clockEnd(line, start) {
                advance(&line, start, seconds)
                at = end
                continue
            }
            let run = line[start..<at]
            let digits = run.reduce(0) { $0 + (isDigit($1) ? 1 : 0) }
            let isNumber = digits == run.count && digits >= 2 && !isDate(line, start..<at)
            let isHex =
                digits > 0 && digits < run.count && run.count >= 6
                && run.allSatisfy { isDigit($0) || (0x61...0x66).contains($0) }
            guard isNumber || isHex, random.next() % 100 < 35 else { continue }
            for place in start..<at {
                let draw = UInt8(truncatingIfNeeded: random.next() >> 32)
                if !isDigit(line[place]) {
                    line[place] = 0x61 + draw % 6
                } else if place > start || line[place] == 0x30 {
                    line[place] = 0x30 + draw % 10
                } else {
                    line[place] = 0x31 + draw % 9
                }
            }
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

    private static func isWord(_ byte: UInt8) -> Bool {
        isDigit(byte) || (byte | 0x20) &- 0x61 < 26
    }

    /// Where a clock time that begins at or in the word at `start` ends: `10:05:03`.
    private static func clockEnd(_ line: [UInt8], _ start: Int) -> Int? {
        guard start + 8 <= line.count else { return nil }
        for (offset, byte) in line[start..<start + 8].enumerated() {
            guard offset % 3 == 2 ? byte == 0x3A : isDigit(byte) else { return nil }
        }
        return start + 8
    }

    private static func advance(_ line: inout [UInt8], _ start: Int, _ seconds: Int) {
        func pair(_ place: Int) -> Int { Int(line[place]) * 10 + Int(line[place + 1]) - 528 }
        let clock = pair(start) * 3_600 + pair(start + 3) * 60 + pair(start + 6) + seconds
        for (offset, value) in [(0, clock / 3_600 % 24), (3, clock / 60 % 60), (6, clock % 60)] {
            line[start + offset] = UInt8(0x30 + value / 10)
            line[start + offset + 1] = UInt8(0x30 + value % 10)
        }
    }

    /// A year, month or day: next to `-dd` or `dd-`, or to a name of a month between slashes.
    private static func isDate(_ line: [UInt8], _ run: Range<Int>) -> Bool {
        guard run.count == 2 || run.count == 4 else { return false }
        for (mark, beyond) in [
            (run.lowerBound - 1, run.lowerBound - 2), (run.upperBound, run.upperBound + 1),
        ] where line.indices.contains(mark) && line.indices.contains(beyond) {
            if line[mark] == 0x2D, isDigit(line[beyond]) { return true }
            if line[mark] == 0x2F, isWord(line[beyond]), !isDigit(line[beyond]) { return true }
        }
        return false
    }
}
