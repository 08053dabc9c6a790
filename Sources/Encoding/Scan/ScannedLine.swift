/// One line of the form `key:value|rest` after `LineScan` has cut it and `ByteKeyTable` has looked
/// it up. One cache line long. Offsets are into the bytes that were scanned:
///
///     start        nameEnd      valueEnd        end
///       │ name         │:value      ││rest        │
///
/// A line without `:` has nameEnd = valueEnd = end; one without `|` behind the `:` has valueEnd =
/// end. `hash` covers the name, and the rest from its `|` on.
package struct ScannedLine: Sendable, BitwiseCopyable {
    /// What `LineScan` made of the value.
    package enum Form: UInt8, Sendable, BitwiseCopyable {
        /// Not a plain decimal number: `number` means nothing, the caller looks for itself.
        case other = 0
        case unsigned = 1
        /// Began with `+` or `-`.
        case signed = 2
    }

    /// `id` of a line whose key is not in the table.
    package static let missing = UInt32.max

    package var start: UInt32 = 0
    package var nameEnd: UInt32 = 0
    package var valueEnd: UInt32 = 0
    package var end: UInt32 = 0
    var hash: UInt64 = 0
    /// The value, rounded correctly, unless `form` is `other`.
    package var number: Double = 0
    /// What was stored with the key, when `id` is not `missing`.
    package var first: Double = 0
    /// What was stored with the key, when `id` is not `missing`.
    package var second: Double = 0
    package var id: UInt32 = ScannedLine.missing
    package var form = Form.other

    package init() {}

    /// Whether the line has a name, a value and a rest of lengths that a table takes as a key.
    @inlinable
    package var hasKey: Bool {
        nameEnd > start && valueEnd > nameEnd && end > valueEnd
            && end - start <= ByteKeyTable.keyBytesMax
    }
}
