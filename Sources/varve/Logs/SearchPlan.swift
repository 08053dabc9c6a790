internal import Query
internal import Server

/// `--explain`: a table of what a search reads, segment by segment.
struct SearchPlan {
    let client: ServerClient
    let query: LogQLQuery

    /// Whether there is anything to be read.
    func print(_ span: (start: Int64, end: Int64)) async throws(CommandFailure) -> Bool {
        let (data, _) = try await client.get(
            "/api/v1/logs/explain",
            [("query", query.description), ("start", "\(span.start)"), ("end", "\(span.end)")])
        guard let plan = data as? [String: Any], let shards = plan["shards"] as? [[String: Any]]
        else { throw CommandFailure("the server sent something else than a plan") }
        var table = TextTable([
            ("SHARD", .right), ("SEGMENT", .left), ("STREAMS", .right), ("BLOCKS", .right),
            ("IN TIME", .right), ("OF STREAMS", .right), ("TO READ", .right), ("BYTES", .right),
        ])
        var (outOfTime, blocks, toRead, bytes) = (0, 0, 0, 0)
        for shard in shards {
            outOfTime += number(shard, "segmentsOutOfTime")
            for source in shard["sources"] as? [[String: Any]] ?? [] {
                if let problem = source["problem"] as? String { Terminal.warn([problem]) }
                blocks += number(source, "blocks")
                toRead += number(source, "toRead")
                bytes += number(source, "bytes")
                let counts = ["streams", "blocks", "inTime", "ofStreams", "toRead"].map {
                    "\(number(source, $0))"
                }
                let size = ByteCountText.format(number(source, "bytes"))
                table.add(
                    ["\(number(shard, "shard"))", source["name"] as? String ?? ""] + counts
                        + [size])
            }
        }
        Terminal.print([
            "query  \(SafeText.escaped(plan["query"] as? String ?? ""))",
            "words  \(SafeText.escaped(plan["words"] as? String ?? ""))",
            "time   leaves out \(outOfTime) segments",
        ])
        if !table.rows.isEmpty { Terminal.print(table.lines) }
        Terminal.print(["\(toRead) of \(blocks) blocks to read, \(ByteCountText.format(bytes))"])
        return toRead > 0
    }

    private func number(_ object: [String: Any], _ name: String) -> Int {
        object[name] as? Int ?? 0
    }
}
