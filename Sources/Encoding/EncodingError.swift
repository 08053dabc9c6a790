/// Why bytes could not be read back. Everything Encoding reads is untrusted: a disk, a peer or a
/// client wrote it, so each of these is an operating error, never a trap.
package enum EncodingError: Error, Equatable, Sendable {
    /// The bytes end before the item that starts at `offset` (from where the reader began) does.
    case truncated(offset: Int)
    /// The bytes at `offset` cannot be `what`.
    case corrupt(what: StaticName, offset: Int)
    /// The item would be larger than `limit` bytes (or values) when expanded.
    case tooLarge(limit: Int)
    /// The block was written by a later version than this program knows.
    case unsupportedVersion(UInt8)

    /// A compile-time text that names the field at fault; compares by content.
    package struct StaticName: Equatable, Sendable, ExpressibleByStringLiteral,
        CustomStringConvertible
    {
        private let text: StaticString

        /// From a literal.
        package init(stringLiteral value: StaticString) { text = value }

        package static func == (a: Self, b: Self) -> Bool { a.description == b.description }

        /// The text itself.
        package var description: String { text.description }
    }
}
