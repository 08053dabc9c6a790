package import Model

/// How a syslog listener reads messages.
package struct SyslogOptions: Sendable {
    /// Whose lines they are.
    package var tenant = Tenant.standard
    /// Longer lines are kept in parts of this size.
    package var lineBytesMax = IngestLimits().lineBytesMax
    /// Whether a message's own timestamp counts, or always the time of arrival.
    package var trustsTimestamps = true
    /// A timestamp this far after arrival is not believed; the time of arrival is taken instead.
    package var futureNanosMax: Int64 = 24 * 3_600_000_000_000
    /// A timestamp this far before arrival is not believed.
    package var pastNanosMax: Int64 = .max
    /// Seconds east of UTC for timestamps that do not say (RFC 3164 never does).
    package var utcOffsetSeconds = 0
    /// Bytes of host, app, procid or msgid. RFC 5424 says 255, 48, 128 and 32 and senders pass
    /// that; beyond this the header is taken for text.
    package var headerFieldBytesMax = 1024
    /// Bytes of structured data; beyond this the header is taken for text.
    package var structuredDataBytesMax = IngestLimits().metadataBytesMax / 2
    /// Streams remembered between batches.
    package var streamCountMax = 65_536
    /// Which messages become one record.
    package var joining = SyslogJoining()

    package init() {}

    /// What one of `count` intakes of a listener goes by.
    func share(of count: Int) -> SyslogOptions {
        var share = self
        share.joining = joining.share(of: count)
        return share
    }
}

/// What a listener has seen, in messages. All counters only grow.
package struct SyslogCounts: Sendable, Equatable {
    package var structured = 0
    package var bsd = 0
    package var plain = 0
    package var badPriority = 0
    package var badTimestamp = 0
    package var badStructuredData = 0
    package var headerTooLong = 0
    /// A timestamp that was not believed.
    package var implausibleTimestamp = 0
    /// Empty datagrams and lines; nothing is stored of them.
    package var empty = 0
    /// Parts of lines over `lineBytesMax`.
    package var parts = 0
    /// Last frames of a connection without their end.
    package var cut = 0
    /// Messages that went on with a record that an earlier one began.
    package var joined = 0
    /// Times that a record was written before its end because of a bound: its lines, its bytes,
    /// records of one connection, all records, their bytes.
    package var recordsOfTooManyLines = 0
    package var recordsOfTooManyBytes = 0
    package var recordsTooManyOfConnection = 0
    package var recordsTooMany = 0
    package var recordsTooLarge = 0

    /// All of these five together.
    package var cutRecords: Int {
        recordsOfTooManyLines + recordsOfTooManyBytes + recordsTooManyOfConnection
            + recordsTooMany + recordsTooLarge
    }

    package init() {}
}
