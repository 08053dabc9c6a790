/// What the parser found in one message: ranges of the bytes it was given, so that nothing is
/// copied before it is known where it goes. Empty ranges are absent fields.
struct SyslogMessage {
    enum Shape {
        /// RFC 5424.
        case structured
        /// RFC 3164 and its relatives, with a timestamp or a tag.
        case bsd
        /// Text, with a PRI or without; all of it is the message.
        case plain
        /// Something that began as a header and is not one; all of it is the message, marked.
        case failed
    }

    /// Why a message is `failed` or incomplete.
    enum Fault {
        case priority
        case timestamp
        case structuredData
        case headerTooLong
    }

    var shape = Shape.plain
    var fault: Fault?
    /// facility · 8 + severity; 13 (user.notice) when there is none, as RFC 3164 §4.3.3 has it.
    var priority: UInt8 = 13
    /// ns; nil when the message has none.
    var timestamp: Int64?
    var host = 0..<0
    var app = 0..<0
    var process = 0..<0
    var messageID = 0..<0
    /// `[…][…]`, checked.
    var structuredData = 0..<0
    /// Cisco's number before the timestamp.
    var sequence = 0..<0
    var text: Range<Int>

    init(text: Range<Int>) { self.text = text }

    static let severities = [
        "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug",
    ]

    static let facilities = [
        "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron",
        "authpriv", "ftp", "ntp", "audit", "alert", "clock", "local0", "local1", "local2",
        "local3", "local4", "local5", "local6", "local7",
    ]

    var severityName: String { SyslogMessage.severities[Int(priority & 7)] }
    var facilityName: String { SyslogMessage.facilities[Int(priority >> 3)] }
}
