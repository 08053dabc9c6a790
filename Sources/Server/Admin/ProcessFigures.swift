internal import Platform

/// What the operating system says of the process, under the names that Prometheus' own clients
/// use, so that dashboards know them.
enum ProcessFigures {
    static func register(in telemetry: Telemetry, version: String) {
        telemetry.computed(
            "process_resident_memory_bytes", help: "Bytes in memory.",
            read: { Double(ProcessFacts.residentBytes) })
        telemetry.computed(
            "process_cpu_seconds_total", help: "Seconds of CPU used.", kind: .counter,
            read: { ProcessFacts.cpuSeconds })
        telemetry.computed(
            "process_open_fds", help: "Open files and sockets.",
            read: { Double(ProcessFacts.openFileCount) })
        telemetry.computed(
            "varve_build_info", help: "The version that runs, as a label.",
            labels: [("version", version)], read: { 1 })
    }
}
