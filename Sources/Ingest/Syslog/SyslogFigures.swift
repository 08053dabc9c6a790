internal import Platform

/// The figures of one syslog listener, each with a label `listener`:
/// `varve_syslog_messages_total{shape}`, `varve_syslog_faults_total{reason}` (kept, but not read
/// right), `varve_syslog_joined_total` (messages that went on with a record),
/// `varve_syslog_records_cut_total{reason}` (records written before their end because of a bound),
/// `varve_syslog_refused_total{reason}` (lines not kept), `varve_syslog_appends_total` and
/// `varve_syslog_append_retries_total`.
final class SyslogFigures: Sendable {
    let appends: Counter
    let retries: Counter
    let tlsHellos: Counter

    private let telemetry: Telemetry
    private let listener: String
    private let shapes: [Counter]
    private let faults: [Counter]
    private let joined: Counter
    private let cutRecords: [Counter]

    private static let refusedName = "varve_syslog_refused_total"
    private static let refusedHelp = "Lines that were not kept."

    init(_ telemetry: Telemetry, listener: String) {
        self.telemetry = telemetry
        self.listener = listener
        shapes = ["rfc5424", "rfc3164", "plain"].map { shape in
            telemetry.counter(
                "varve_syslog_messages_total", help: "Messages, by the header they have.",
                labels: [("listener", listener), ("shape", shape)])
        }
        faults = SyslogFigures.faultNames.map { reason in
            telemetry.counter(
                "varve_syslog_faults_total",
                help: "Messages that were kept although something about them is wrong.",
                labels: [("listener", listener), ("reason", reason)])
        }
        joined = telemetry.counter(
            "varve_syslog_joined_total",
            help: "Messages that went on with the record of one before.",
            labels: [("listener", listener)])
        cutRecords = SyslogFigures.cutNames.map { reason in
            telemetry.counter(
                "varve_syslog_records_cut_total",
                help: "Records of several messages that were written early because of a bound.",
                labels: [("listener", listener), ("reason", reason)])
        }
        appends = telemetry.counter(
            "varve_syslog_appends_total", help: "Batches appended.",
            labels: [("listener", listener)])
        retries = telemetry.counter(
            "varve_syslog_append_retries_total", help: "Batches that had to be appended again.",
            labels: [("listener", listener)])
        tlsHellos = telemetry.counter(
            "varve_syslog_tls_hellos_total",
            help: "Connections closed because they speak TLS to a plain port.",
            labels: [("listener", listener)])
    }

    private static let faultNames = [
        "bad_priority", "bad_timestamp", "bad_structured_data", "header_too_long",
        "implausible_timestamp", "empty", "part", "cut",
    ]

    private static let cutNames = [
        "lines", "bytes", "connection_records", "pending_records", "pending_bytes",
    ]

    /// Adds what came between two states of the counts.
    func add(_ now: SyslogCounts, since before: SyslogCounts) {
        guard now != before else { return }
        let shapeDeltas = [
            now.structured - before.structured, now.bsd - before.bsd, now.plain - before.plain,
        ]
        for (counter, delta) in zip(shapes, shapeDeltas) where delta > 0 { counter.add(delta) }
        let faultDeltas = [
            now.badPriority - before.badPriority, now.badTimestamp - before.badTimestamp,
            now.badStructuredData - before.badStructuredData,
            now.headerTooLong - before.headerTooLong,
            now.implausibleTimestamp - before.implausibleTimestamp, now.empty - before.empty,
            now.parts - before.parts, now.cut - before.cut,
        ]
        for (counter, delta) in zip(faults, faultDeltas) where delta > 0 { counter.add(delta) }
        guard now.joined > before.joined || now.cutRecords > before.cutRecords else { return }
        joined.add(now.joined - before.joined)
        let cutDeltas = [
            now.recordsOfTooManyLines - before.recordsOfTooManyLines,
            now.recordsOfTooManyBytes - before.recordsOfTooManyBytes,
            now.recordsTooManyOfConnection - before.recordsTooManyOfConnection,
            now.recordsTooMany - before.recordsTooMany,
            now.recordsTooLarge - before.recordsTooLarge,
        ]
        for (counter, delta) in zip(cutRecords, cutDeltas) where delta > 0 { counter.add(delta) }
    }

    /// Lines that are lost, and why. Rare, so the counter is looked up.
    func refused(_ reason: String, _ lineCount: Int) {
        telemetry.counter(
            SyslogFigures.refusedName, help: SyslogFigures.refusedHelp,
            labels: [("listener", listener), ("reason", reason)]
        ).add(lineCount)
    }
}
