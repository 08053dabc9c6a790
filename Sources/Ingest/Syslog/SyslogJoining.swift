package import Model

/// How messages that belong together become one record. See `docs/operating/logs.md`.
package struct SyslogJoining: Sendable {
    /// Docker hands a longer line on in pieces of this size, in bytes (moby,
    /// daemon/logger/copier.go); its syslog driver and others send each as a message.
    package static let dockerPieceBytes = 16_384

    /// A text in which it matches begins a record; any other goes on with the one before. nil:
    /// every message is a record of its own.
    package var start: RegularExpression?
    /// A record that nothing came for in this time is written.
    package var waitNanos: Int64 = 500_000_000
    /// Whether a text of exactly `dockerPieceBytes` goes on with the next message, without a
    /// separator.
    package var joinsDockerPieces = true
    /// Lines of one record; a longer one is kept in parts, which are marked.
    package var linesMax = 1000
    /// Bytes of one record's text, where `SyslogOptions.lineBytesMax` allows more: an entry of the
    /// log has 4 MiB.
    package var recordBytesMax = 1 << 20
    /// Records under way of one connection, or of one address over UDP. Far more than a host has
    /// containers.
    package var connectionRecordsMax = 1024
    /// Records under way of a listener.
    package var recordsMax = 16_384
    /// Bytes of their text and metadata; bounds what this takes of the process' memory.
    package var bytesMax = 24 << 20

    package init() {}

    /// What one of `count` intakes may use of the bounds of a listener.
    func share(of count: Int) -> SyslogJoining {
        var share = self
        share.recordsMax = max(1, recordsMax / count)
        share.bytesMax = max(1, bytesMax / count)
        return share
    }
}
