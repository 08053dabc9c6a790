/// Finding bytes in bytes, for what is not pushed down to the storage.
enum ByteSearch {
    /// Where `needle` first occurs in `text[range]`; an empty needle at the start.
    static func firstIndex(
        of needle: [UInt8], in text: [UInt8], _ range: Range<Int>
    ) -> Int? {
        guard let first = needle.first else { return range.lowerBound }
        guard range.count >= needle.count else { return nil }
        let haystack = text.span
        let wanted = needle.span
        var start = range.lowerBound
        let last = range.upperBound - needle.count
        while start <= last {
            if haystack[start] == first {
                var count = 1
                while count < wanted.count, haystack[start + count] == wanted[count] {
                    count += 1
                }
                if count == wanted.count { return start }
            }
            start += 1
        }
        return nil
    }

    /// Whether `needle`, given in lower case, occurs in `text[range]` whatever its ASCII case.
    static func containsFolded(
        _ needle: [UInt8], in text: [UInt8], _ range: Range<Int>
    ) -> Bool {
        guard let first = needle.first else { return true }
        guard range.count >= needle.count else { return false }
        let haystack = text.span
        let wanted = needle.span
        var start = range.lowerBound
        let last = range.upperBound - needle.count
        while start <= last {
            if folded(haystack[start]) == first {
                var count = 1
                while count < wanted.count, folded(haystack[start + count]) == wanted[count] {
                    count += 1
                }
                if count == wanted.count { return true }
            }
            start += 1
        }
        return false
    }

    @inline(__always)
    static func folded(_ byte: UInt8) -> UInt8 {
        byte &- 0x41 < 26 ? byte | 0x20 : byte
    }
}
