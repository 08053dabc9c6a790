// Measures the hot paths: bench [name …] runs the benches whose name starts with one of the names,
// all without. Prints a table; leaves with 1 when a goal is missed and BENCH_STRICT is set.
internal import Glibc

let benches: [(name: String, run: () -> [BenchRow])] = [
    ("encoding", encodingBench), ("query", queryBench), ("ingest", ingestBench),
    ("storage-hosts", { storageBench(.hosts) }), ("storage-statsd", { storageBench(.statsd) }),
    ("storage-noisy", { storageBench(.noisy) }),
    ("storage-counters", { storageBench(.counters) }), ("storage-memory", storageMemoryBench),
    ("storage-selector", selectorBench),
    ("write", writeBench), ("logs", logBench), ("logql", logQueryBench), ("statsd", statsdBench),
    ("replication", replicationBench), ("node", nodeBench),
    ("fan-out", fanOutBench), ("voters", votersBench), ("scrape", scrapeBench),
]

if CommandLine.arguments.count == 3, CommandLine.arguments[1] == SeriesMemory.childArgument {
    SeriesMemory.printMeasured(Int(CommandLine.arguments[2]) ?? 0)
    exit(0)
}

let wanted = CommandLine.arguments.dropFirst()
var rows: [BenchRow] = []
for bench in benches where wanted.isEmpty || wanted.contains(where: { bench.name.hasPrefix($0) }) {
    rows += bench.run()
}
print(BenchTable.text(of: rows))
if unsafe getenv("BENCH_STRICT") != nil, !rows.allSatisfy(\.isMet) { exit(1) }
