import Encoding

/// The hash of a set's member.
enum StatsdHash {
    static func member(_ text: String) -> UInt64 {
        HyperLogLog.memberHash(Array(text.utf8)[...])
    }
}
