import Ingest
import Model
import Testing

/// A stored line as a test wants to see it.
struct SeenLine: Equatable {
    var labels: [String: String]
    var metadata: [String]
    var text: String
    var nanos: Int64
}

enum Seen {
    static func lines(_ batch: WriteBatch) -> [SeenLine] {
        (0..<batch.lines.count).map { index in
            let labels = batch.streams[Int(batch.lines.streamIndexes[index])].labels ?? .empty
            let range = batch.lines.metadataRange(index)
            var metadata: [String] = []
            Labels(canonical: Array(batch.lines.metadataBytes[range])).forEachSlice { name, value in
                metadata.append(
                    String(decoding: name, as: UTF8.self) + "="
                        + String(decoding: value, as: UTF8.self))
                return true
            }
            return SeenLine(
                labels: Dictionary(uniqueKeysWithValues: labels.pairs.map { ($0.name, $0.value) }),
                metadata: metadata,
                text: String(
                    decoding: batch.lines.bytes[batch.lines.lineRange(index)], as: UTF8.self),
                nanos: batch.lines.timestamps[index])
        }
    }

    /// 2026-11-24T12:00:00Z
    static let arrival: Int64 = 1_795_521_600_000_000_000

    static func datagram(
        _ text: String, arrival: Int64 = arrival, options: SyslogOptions = SyslogOptions()
    ) -> SeenLine? {
        datagram(Array(text.utf8), arrival: arrival, options: options)
    }

    static func datagram(
        _ bytes: [UInt8], arrival: Int64 = arrival, options: SyslogOptions = SyslogOptions()
    ) -> SeenLine? {
        var intake = SyslogIntake(options: options, seed: 1)
        intake.datagram(bytes, 0..<bytes.count, arrival: arrival)
        let lines = lines(intake.takeBatch())
        #expect(lines.count <= 1)
        return lines.first
    }
}

/// What a message must become. Fields in the order of `|`:
/// host | app | severity | facility | metadata joined by comma | text
struct SyslogCase: CustomTestStringConvertible, Sendable {
    var message: String
    var want: String
    /// ns; nil: arrival
    var nanos: Int64?
    var testDescription: String { message }

    init(_ message: String, _ want: String, _ nanos: Int64? = nil) {
        self.message = message
        self.want = want
        self.nanos = nanos
    }

    func check(arrival: Int64 = Seen.arrival) throws {
        let line = try #require(Seen.datagram(message, arrival: arrival))
        let labels = ["host", "app", "severity", "facility"].map { line.labels[$0] ?? "" }
        let seen = (labels + [line.metadata.joined(separator: ","), line.text])
        #expect(seen.joined(separator: "|") == want)
        #expect(line.nanos == nanos ?? arrival)
    }
}

@Suite struct SyslogIntakeTests {
    /// 2003-10-11T22:14:15Z
    static let y2003: Int64 = 1_065_910_455_000_000_000
    /// 2016-10-12T14:10:18Z
    static let y2016: Int64 = 1_476_281_418_000_000_000

    static let structured: [SyslogCase] = [
        // RFC 5424 §6.5
        .init(
            "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \u{FEFF}'su root' "
                + "failed on /dev/pts/8",
            "mymachine.example.com|su|crit|auth|msgid=ID47|'su root' failed on /dev/pts/8",
            y2003 + 3_000_000),
        .init(
            "<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time.",
            "192.0.2.1|myproc|notice|local4|procid=8710|%% It's time.",
            1_061_727_255_000_003_000),
        .init(
            "<165>1 2003-10-11T22:14:15.003Z host evntslog - ID47 [exampleSDID@32473 iut=\"3\" "
                + "eventSource=\"Application\" eventID=\"1011\"] \u{FEFF}An application event",
            "host|evntslog|notice|local4|msgid=ID47,exampleSDID_32473_iut=3,"
                + "exampleSDID_32473_eventSource=Application,exampleSDID_32473_eventID=1011"
                + "|An application event", y2003 + 3_000_000),
        .init(
            "<165>1 2003-10-11T22:14:15Z h a - - [x@1 a=\"1\"][y@1 b=\"2\"]",
            "h|a|notice|local4|x_1_a=1,y_1_b=2|", y2003),
        // Nil fields, and the header cut after any of them.
        .init("<34>1 - - - - - -", "||crit|auth||"),
        .init("<34>1 - - - - - - ", "||crit|auth||"),
        .init("<34>1 - - - - - - m", "||crit|auth||m"),
        .init("<34>1", "||crit|auth||"),
        .init("<34>1 ", "||crit|auth||"),
        .init("<34>1 2003-10-11T22:14:15Z", "||crit|auth||", y2003),
        .init("<34>1 2003-10-11T22:14:15Z ", "||crit|auth||", y2003),
        .init("<34>1 2003-10-11T22:14:15Z h", "h||crit|auth||", y2003),
        .init("<34>1 2003-10-11T22:14:15Z h a", "h|a|crit|auth||", y2003),
        .init("<34>1 2003-10-11T22:14:15Z h a 1", "h|a|crit|auth|procid=1|", y2003),
        .init("<34>1 2003-10-11T22:14:15Z h a 1 m", "h|a|crit|auth|procid=1,msgid=m|", y2003),
        .init("<34>1 2003-10-11T22:14:15Z h a 1 m -", "h|a|crit|auth|procid=1,msgid=m|", y2003),
        // Versions.
        .init("<6>0 - h a - - - x", "h|a|info|kern||x"),
        .init("<6>999 - h a - - - x", "h|a|info|kern||x"),
        // Structured data.
        .init(
            "<14>1 - h a - - [x p=\"a\\\"b\\\\c\\]d\\e]f\"] t", "h|a|info|user|x_p=a\"b\\c]d\\e]f|t"
        ),
        .init("<14>1 - h a - - [x] t", "h|a|info|user|x=true|t"),
        .init("<14>1 - h a - - [x ] t", "h|a|info|user|x=true|t"),
        .init("<14>1 - h a - - [x p=\"\"] t", "h|a|info|user|x_p=|t"),
        .init(
            "<14>1 - h a - - [x p=\"1\" p=\"2\"][x p=\"3\"] t",
            "h|a|info|user|x_p=1,x_p_2=2,x_p_3=3|t"),
        .init("<14>1 - h a - - [x p=\"é\"] t", "h|a|info|user|x_p=é|t"),
        .init("<14>1 - h a - - [x p=\"1\"] [y q=\"2\"] t", "h|a|info|user|x_p=1|[y q=\"2\"] t"),
        .init("<14>1 - h a - - [KEY@41058 tag=\"x\"] t", "h|a|info|user|KEY_41058_tag=x|t"),
        .init("<14>1 - h a - - [x p=\"1\" t", "h|a|info|user|varve_parse=failed|[x p=\"1\" t"),
        .init("<14>1 - h a - - [x p=1] t", "h|a|info|user|varve_parse=failed|[x p=1] t"),
        .init("<14>1 - h a - - [] t", "h|a|info|user|varve_parse=failed|[] t"),
        .init("<14>1 - h a - - no sd", "h|a|info|user|varve_parse=failed|no sd"),
        // Text.
        .init("<14>1 - h a - - - BOM is text", "h|a|info|user||BOM is text"),
        .init(
            "<14>1 - h a - - - \ttab \u{1b}[31mred\u{1b}[0m\r",
            "h|a|info|user||\ttab \u{1b}[31mred\u{1b}[0m\r"),
        .init("<14>1 - h a - - - {\"a\":\"b\"}", "h|a|info|user||{\"a\":\"b\"}"),
        .init("<14>1 - h a - -   two", "h|a|info|user|varve_parse=failed|  two"),
        .init("<14>1 - h a - - -  two", "h|a|info|user|| two"),
        // Not a timestamp: nothing is lost.
        .init(
            "<14>1 2003-13-11T22:14:15Z h a - - - x",
            "||info|user|varve_parse=failed|2003-13-11T22:14:15Z h a - - - x"),
        .init("<14>1 of 4 disks failed", "||info|user||1 of 4 disks failed"),
    ]

    @Test(arguments: structured)
    func readsRFC5424(message: SyslogCase) throws { try message.check() }

    static let priorities: [SyslogCase] = [
        .init("<0>x", "||emerg|kern||x"),
        .init("<191>x", "||debug|local7||x"),
        .init("<192>x", "||notice|user|varve_parse=failed|<192>x"),
        .init("<-1>x", "||notice|user|varve_parse=failed|<-1>x"),
        .init("<>x", "||notice|user|varve_parse=failed|<>x"),
        .init("<189 x", "||notice|user|varve_parse=failed|<189 x"),
        .init("<00>x", "||notice|user|varve_parse=failed|<00>x"),
        .init("<013>x", "||notice|user|varve_parse=failed|<013>x"),
        .init("<1234>x", "||notice|user|varve_parse=failed|<1234>x"),
        .init("<", "||notice|user|varve_parse=failed|<"),
        .init("no priority", "||notice|user||no priority"),
        .init("{\"json\":true}", "||notice|user||{\"json\":true}"),
    ]

    @Test(arguments: priorities)
    func readsPriorities(message: SyslogCase) throws { try message.check() }

    static let logspout: [SyslogCase] = [
        .init(
            "<14>1 2016-10-12T14:10:18Z host web.1 20 - - hello\n",
            "host|web.1|info|user|procid=20|hello", y2016),
        // network=container: no host name, two spaces.
        .init(
            "<11>1 2016-10-12T16:10:18+02:00  web.1 0 - - hello",
            "|web.1|err|user|procid=0|hello", y2016),
        .init(
            "<30>1 2016-10-12T14:10:18Z host db 7 - [env@1 stage=\"prod\"] hello",
            "host|db|info|daemon|procid=7,env_1_stage=prod|hello", y2016),
        .init(
            "<14>1 2016-10-12T14:10:18Z host \(String(repeating: "ü", count: 48)) 7 - - x",
            "host|\(String(repeating: "ü", count: 48))|info|user|procid=7|x", y2016),
        .init("<14>1 2016-10-12T14:10:18Z host web 7 - - ", "host|web|info|user|procid=7|", y2016),
        .init(
            "<14>2016-10-12T14:10:18Z host web[20]: hello",
            "host|web|info|user|procid=20|hello", y2016),
        .init("<14>2016-10-12T14:10:18Z  web[20]: hello", "|web|info|user|procid=20|hello", y2016),
        .init("<14>2016-10-12T14:10:18Z host web[20]: ", "host|web|info|user|procid=20|", y2016),
        .init("{\"raw\":\"line\"}\n", "||notice|user||{\"raw\":\"line\"}"),
        .init(
            "2016-10-12T14:10:18Z INFO: raw line",
            "||notice|user||2016-10-12T14:10:18Z INFO: raw line"),
        .init(
            "2016-10-12T14:10:18UTC app[web.1]: deis",
            "|app|notice|user|procid=web.1|deis", y2016),
    ]

    @Test(arguments: logspout)
    func readsLogspout(message: SyslogCase) throws { try message.check() }

    /// 2026-10-11T22:14:15Z
    static let y2026: Int64 = 1_791_756_855_000_000_000

    static let bsd: [SyslogCase] = [
        .init(
            "<34>Oct 11 22:14:15 mymachine su: 'su root' failed",
            "mymachine|su|crit|auth||'su root' failed", y2026),
        .init(
            "<34>oct 11 22:14:15 mymachine su[12]: x", "mymachine|su|crit|auth|procid=12|x", y2026),
        .init(
            "<34>OCT 11 22:14:15 mymachine su[12] x", "mymachine|su|crit|auth|procid=12|x", y2026),
        .init("<34>Oct 11 22:14:15.25 h su: x", "h|su|crit|auth||x", y2026 + 250_000_000),
        .init("<34>Oct  1 22:14:15 h su: x", "h|su|crit|auth||x", y2026 - 10 * 86_400_000_000_000),
        .init("<34>Oct 01 22:14:15 h su: x", "h|su|crit|auth||x", y2026 - 10 * 86_400_000_000_000),
        .init("<34>Oct 1 22:14:15 h su: x", "h|su|crit|auth||x", y2026 - 10 * 86_400_000_000_000),
        .init("<34>Oct 11 2016 22:14:15 h su: x", "h|su|crit|auth||x", 1_476_224_055_000_000_000),
        .init("<34>Oct 11 22:14:15 2016 h su: x", "h|su|crit|auth||x", 1_476_224_055_000_000_000),
        .init(
            "<0>1990 Oct 22 10:52:01 TZ-6 scapegoat.dmz.example.org 10.1.2.3 sched[0]: That's All",
            "scapegoat.dmz.example.org||emerg|kern||10.1.2.3 sched[0]: That's All",
            656_614_321_000_000_000),
        .init(
            "<165>Aug 24 05:34:00 CST 1987 mymachine myproc[10]: %% It's time",
            "mymachine|myproc|notice|local4|procid=10|%% It's time", 556_803_240_000_000_000),
        // Cisco
        .init(
            "<189>65536: *Oct 11 22:14:15.123: %SYS-5-CONFIG_I: Configured",
            "|%SYS-5-CONFIG_I|notice|local7|sequence=65536|Configured", y2026 + 123_000_000),
        .init(
            "<189>7: .Oct 11 22:14:15 UTC: %LINK-3-UP: up",
            "|%LINK-3-UP|notice|local7|sequence=7|up", y2026),
        // Hosts and tags
        .init("<34>Oct 11 22:14:15 su: no host", "|su|crit|auth||no host", y2026),
        .init("<34>Oct 11 22:14:15 su[3]: no host", "|su|crit|auth|procid=3|no host", y2026),
        .init("<34>Oct 11 22:14:15 0002:: prg0: x", "0002::|prg0|crit|auth||x", y2026),
        .init("<34>Oct 11 22:14:15 fe80::1 prg0: x", "fe80::1|prg0|crit|auth||x", y2026),
        .init("<34>Oct 11 22:14:15 10.0.0.1 prg0: x", "10.0.0.1|prg0|crit|auth||x", y2026),
        .init(
            "<34>Oct 11 22:14:15 h postfix/smtpd[9]: x", "h|postfix/smtpd|crit|auth|procid=9|x",
            y2026),
        .init(
            "<34>Oct 11 22:14:15 h CROND(pam_unix)[9]: x",
            "h|CROND(pam_unix)|crit|auth|procid=9|x", y2026),
        .init("<34>Oct 11 22:14:15 h A::B[9]: x", "h|A::B|crit|auth|procid=9|x", y2026),
        .init("<34>Oct 11 22:14:15 h no tag here", "h||crit|auth||no tag here", y2026),
        .init("<34>Oct 11 22:14:15 west app: x", "west|app|crit|auth||x", y2026),
        .init(
            "<34>Oct 11 22:14:15 last message repeated 3 times",
            "||crit|auth||last message repeated 3 times", y2026),
        .init(
            "<34>Oct 11 22:14:15 h last message repeated 3 times",
            "h||crit|auth||last message repeated 3 times", y2026),
        .init(
            "<34>Oct 11 22:14:15 Message forwarded from aix1: sshd[5]: x",
            "aix1|sshd|crit|auth|procid=5|x", y2026),
        .init("<34>Oct 11 22:14:15", "||crit|auth||", y2026),
        .init("<34>Oct 11 22:14:15 ", "||crit|auth||", y2026),
        .init("<34>Oct 11 22:14:15 word", "||crit|auth||word", y2026),
        // Fortigate
        .init(
            "<45>date=2003-10-11 time=22:14:15 devname=\"fw 1\" logid=7 msg=\"a b\"",
            "fw 1||notice|syslog||date=2003-10-11 time=22:14:15 devname=\"fw 1\" "
                + "logid=7 msg=\"a b\"",
            y2003),
        .init(
            "<45>date=2003-10-11 time=14:14:15 tz=\"-0800\" devname=f",
            "f||notice|syslog||date=2003-10-11 time=14:14:15 tz=\"-0800\" devname=f", y2003),
        // No timestamp
        .init("<14>ERROR: disk full", "||info|user||ERROR: disk full"),
        .init("<14>app[3]: disk full", "|app|info|user|procid=3|disk full"),
        .init("<14>plain", "||info|user||plain"),
        .init("<14>", "||info|user||"),
        // No PRI
        .init("Oct 11 22:14:15 host su[1]: relayed", "host|su|notice|user|procid=1|relayed", y2026),
        .init(
            "Oct 11 22:14:15 is when it happened",
            "||notice|user||Oct 11 22:14:15 is when it happened"),
    ]

    @Test(arguments: bsd)
    func readsRFC3164(message: SyslogCase) throws { try message.check() }

    static let stamps: [(text: String, nanos: Int64?)] = [
        ("2003-10-11T22:14:15Z", y2003), ("2003-10-11t22:14:15z", y2003),
        ("2003-10-11 22:14:15Z", y2003), ("2003-10-11T22:14:15", y2003),
        ("2003-10-11T22:14:15.Z", y2003),
        ("2003-10-11T22:14:15.1Z", y2003 + 100_000_000),
        ("2003-10-11T22:14:15.123456789Z", y2003 + 123_456_789),
        ("2003-10-11T22:14:15,5Z", y2003 + 500_000_000),
        ("2003-10-11T22:14:15." + String(repeating: "9", count: 62) + "Z", y2003 + 999_999_999),
        ("2003-10-11T22:34:15+00:20", y2003), ("2003-10-12T00:14:15+0200", y2003),
        ("2003-10-12T00:14:15+02", y2003),
        ("2003-10-11T22:13:60Z", y2003 - 15_000_000_000),
        ("2003-10-11T22:14:61Z", nil), ("2003-02-29T22:14:15Z", nil),
        ("2004-02-29T00:00:00Z", 1_078_012_800_000_000_000), ("2003-10-11T24:14:15Z", nil),
        ("1970-01-01T00:00:00Z", 0), ("1969-12-31T23:59:59Z", -1_000_000_000),
        ("9999-12-31T23:59:59Z", nil), ("0000-01-01T00:00:00Z", nil),
    ]

    @Test(arguments: stamps.indices)
    func readsTimestamps(index: Int) throws {
        let (text, nanos) = Self.stamps[index]
        let line = try #require(Seen.datagram("<14>1 \(text) h a - - - x"))
        #expect(line.nanos == nanos ?? Seen.arrival)
        #expect((line.labels["host"] == "h") == (nanos != nil))
    }

    @Test func theYearThatIsMissingIsTheOneNextToArrival() throws {
        let hour: Int64 = 3_600_000_000_000
        let newYear: Int64 = 1_798_761_600_000_000_000  // 2027-01-01T00:00:00Z
        let before = "<14>Dec 31 23:59:59 h a: x"
        let after = "<14>Jan  1 00:00:01 h a: x"
        let second: Int64 = 1_000_000_000
        for arrival in [newYear, newYear + hour, newYear - hour] {
            #expect(Seen.datagram(before, arrival: arrival)?.nanos == newYear - second)
            #expect(Seen.datagram(after, arrival: arrival)?.nanos == newYear + second)
        }
        // 29 February was in 2024.
        #expect(
            Seen.datagram("<14>Feb 29 00:00:00 h a: x", arrival: newYear)?.nanos
                == 1_709_164_800_000_000_000)
    }

    @Test func anImplausibleTimestampGivesWayToArrival() throws {
        let future = "<14>1 2036-10-11T22:14:15Z h a - - - x"
        let line = try #require(Seen.datagram(future))
        #expect(line.nanos == Seen.arrival)
        #expect(line.metadata == ["varve_timestamp=implausible"])
        var options = SyslogOptions()
        options.futureNanosMax = .max
        #expect(Seen.datagram(future, options: options)?.nanos == 2_107_376_055_000_000_000)
        options.trustsTimestamps = false
        #expect(Seen.datagram(future, options: options)?.nanos == Seen.arrival)
        options = SyslogOptions()
        options.pastNanosMax = 86_400_000_000_000
        #expect(
            Seen.datagram("<14>1 2003-10-11T22:14:15Z h a - - - x", options: options)?.metadata
                == ["varve_timestamp=implausible"])
        options = SyslogOptions()
        options.utcOffsetSeconds = 7200
        #expect(
            Seen.datagram("<14>Oct 12 00:14:15 h a: x", options: options)?.nanos == Self.y2026)
    }

    @Test func bytesThatAreNoTextStayInLinesAndAreRepairedInLabels() throws {
        let head: [UInt8] = Array("<14>1 - h".utf8) + [0xFF] + Array(" a 1 - - ".utf8)
        var intake = SyslogIntake(options: SyslogOptions(), seed: 1)
        let message = head + [0xFF, 0x00, 0xC3, 0x0D]
        intake.datagram(message, 0..<message.count, arrival: 5)
        let batch = intake.takeBatch()
        #expect(batch.lines.bytes == [0xFF, 0x00, 0xC3, 0x0D])
        #expect(batch.streams[0].labels?["host"] == "h\u{FFFD}")
        #expect(Labels(checking: batch.streams[0].labels?.bytes ?? [0xFF]) != nil)
    }

    @Test(arguments: ["", "\n", "\r\n", "\0"])
    func emptyDatagramsAreCounted(text: String) {
        var intake = SyslogIntake(options: SyslogOptions(), seed: 1)
        intake.datagram(Array(text.utf8), 0..<text.utf8.count, arrival: 5)
        #expect(intake.batch.isEmpty)
        #expect(intake.counts.empty == 1)
    }

    @Test func aHeaderThatIsFarTooLongIsText() throws {
        let message = "<14>1 - \(String(repeating: "h", count: 2000)) a - - - x"
        let line = try #require(Seen.datagram(message))
        #expect(line.text == message)
        #expect(line.metadata == ["varve_parse=failed"])
        #expect(line.labels == ["severity": "info", "facility": "user"])
    }

    @Test func partsShareStreamTimeAndMetadata() {
        var options = SyslogOptions()
        options.lineBytesMax = 40
        let text =
            "<14>1 2003-10-11T22:14:15Z h a 7 - - "
            + String(repeating: "abcdefghij", count: 9) + "\n<14>x\n"
        var framer = SyslogFramer(frameBytesMax: 40)
        var intake = SyslogIntake(options: options, seed: 1)
        var continuation = SyslogIntake.Continuation()
        framer.append(Array(text.utf8))
        intake.drain(&framer, &continuation, isOver: true, arrival: Seen.arrival)
        let lines = Seen.lines(intake.takeBatch())
        #expect(lines.count == 5)
        #expect(lines[..<4].map(\.text).joined() == String(repeating: "abcdefghij", count: 9))
        #expect(lines[..<4].allSatisfy { $0.nanos == Self.y2003 && $0.labels["host"] == "h" })
        #expect(
            lines.map(\.metadata) == [
                ["procid=7", "varve_part=1"], ["procid=7", "varve_part=2"],
                ["procid=7", "varve_part=3"],
                ["procid=7", "varve_part=4", "varve_part_last=true"], [],
            ])
    }

    @Test func aLongDatagramIsKeptInParts() {
        var options = SyslogOptions()
        options.lineBytesMax = 10
        var intake = SyslogIntake(options: options, seed: 1)
        let text = "<14>" + String(repeating: "x", count: 20)
        intake.datagram(Array(text.utf8), 0..<text.utf8.count, arrival: 1)
        let lines = Seen.lines(intake.takeBatch())
        #expect(lines.map(\.text).joined() == String(repeating: "x", count: 20))
        #expect(lines.last?.metadata == ["varve_part=3", "varve_part_last=true"])
    }

    @Test func aFrameThatWasCutIsMarked() {
        var framer = SyslogFramer(frameBytesMax: 100)
        var intake = SyslogIntake(options: SyslogOptions(), seed: 1)
        var continuation = SyslogIntake.Continuation()
        framer.append(Array("99 <14>half".utf8))
        intake.drain(&framer, &continuation, isOver: true, arrival: 1)
        #expect(Seen.lines(intake.takeBatch()).first?.metadata == ["varve_cut=true"])
        #expect(intake.counts.cut == 1)
    }

    @Test func streamsAreNamedOncePerBatchAndFoundAgainInTheNext() {
        var intake = SyslogIntake(options: SyslogOptions(), seed: 1)
        for round in 0..<3 {
            for index in 0..<100 {
                let text = "<14>1 - host\(index % 3) app - - - \(round)"
                intake.datagram(Array(text.utf8), 0..<text.utf8.count, arrival: 1)
            }
            let batch = intake.takeBatch()
            #expect(batch.streams.count == 3)
            #expect(Set(batch.streams.map(\.id)).count == 3)
            #expect(
                batch.streams.allSatisfy {
                    $0.labels.map { SeriesID(tenant: .standard, labels: $0) } == $0.id
                })
            #expect(batch.lines.streamIndexes.prefix(4).elementsEqual([0, 1, 2, 0]))
        }
    }

    @Test func manyStreamsDoNotGrowTheCacheForEver() {
        var options = SyslogOptions()
        options.streamCountMax = 10
        var intake = SyslogIntake(options: options, seed: 1)
        for index in 0..<1000 {
            let text = "<14>1 - host\(index) app - - - x"
            intake.datagram(Array(text.utf8), 0..<text.utf8.count, arrival: 1)
            let batch = intake.takeBatch()
            #expect(batch.streams.count == 1)
            #expect(batch.streams[0].labels?["host"] == "host\(index)")
        }
    }

    @Test func mutationsNeverTrapAndNeverLoseALine() {
        var state: UInt64 = 42
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(truncatingIfNeeded: state >> 33) % bound
        }
        let seeds = (Self.structured + Self.bsd + Self.logspout).map { Array($0.message.utf8) }
        var intake = SyslogIntake(options: SyslogOptions(), seed: 1)
        for round in 0..<20_000 {
            var bytes = seeds[round % seeds.count]
            for _ in 0...next(4) where !bytes.isEmpty {
                switch next(3) {
                case 0: bytes[next(bytes.count)] = UInt8(next(256))
                case 1: bytes.remove(at: next(bytes.count))
                default:
                    bytes.insert(
                        contentsOf: "<[\"\\]=: 09-TZ".utf8.map { $0 }[next(14)...],
                        at: next(bytes.count + 1))
                }
            }
            let before = intake.batch.lines.count
            intake.datagram(bytes, 0..<bytes.count, arrival: Seen.arrival)
            #expect(intake.batch.lines.count + intake.counts.empty - before >= 1)
            if round % 1000 == 999 { _ = intake.takeBatch() }
        }
    }
}
