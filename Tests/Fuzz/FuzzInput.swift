internal import Encoding
internal import Model

/// The bytes of one input, of which the first choose.
struct FuzzInput {
    private(set) var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    /// The next byte; 0 when there is none left.
    mutating func byte() -> Int { Int(rest.popFirst() ?? 0) }

    /// The first byte modulo `count`; the digits `0`… choose 0….
    mutating func choice(of count: Int) -> Int { (byte() + 256 - 48) % 256 % count }

    var array: [UInt8] { Array(rest) }
    var text: String { String(decoding: rest, as: UTF8.self) }
}

/// What a parser made must pass through the log as it is.
func checkRoundTrip(_ batch: WriteBatch) {
    let bytes = batch.encoded()
    guard let again = try? WriteBatch(decoding: bytes) else {
        preconditionFailure("a batch that can not be read back")
    }
    precondition(again.encoded() == bytes, "a batch that changes on its way")
}
