/// Sets of 32-bit ids (the series of a label value, the blocks of a token), stored ascending: as a
/// range, as gaps or as a bitmap, whichever is smallest. Byte boxes: docs/format/encoding.md.
package enum PostingsCodec {
    private enum Form: UInt8 {
        case range = 0
        case gaps = 1
        case bitmap = 2
    }

    /// Appends `ids`, which must ascend without repeats; they may be none.
    package static func encode(_ ids: ArraySlice<UInt32>, into writer: inout ByteWriter) {
        guard let first = ids.first, let last = ids.last else {
            writer.u8(Form.range.rawValue)
            writer.varint(0)
            return
        }
        var gapByteCount = 0
        var before = first
        for id in ids.dropFirst() {
            precondition(id > before, "postings ascend without repeats")
            gapByteCount += Varint.byteCount(UInt64(id - before - 1))
            before = id
        }
        let span = Int(last - first)
        let bitmapByteCount = span / 8 + 1
        let form: Form =
            span == ids.count - 1 ? .range : bitmapByteCount < gapByteCount ? .bitmap : .gaps
        writer.u8(form.rawValue)
        writer.varint(UInt64(ids.count))
        writer.varint(UInt64(first))
        switch form {
        case .range: break
        case .gaps:
            before = first
            for id in ids.dropFirst() {
                writer.varint(UInt64(id - before - 1))
                before = id
            }
        case .bitmap:
            writer.varint(UInt64(bitmapByteCount))
            unsafe writer.append(count: bitmapByteCount) { bits in
                unsafe bits.update(repeating: 0, count: bitmapByteCount)
                for id in ids {
                    let bit = Int(id - first)
                    unsafe bits[bit >> 3] |= 1 << UInt8(bit & 7)
                }
            }
        }
    }

    /// Appends `ids`, which must ascend without repeats; they may be none.
    package static func encode(_ ids: [UInt32], into writer: inout ByteWriter) {
        encode(ids[...], into: &writer)
    }

    /// How many ids the postings at the reader's place hold, without moving on.
    package static func count(_ reader: ByteReader) throws(EncodingError) -> Int {
        var reader = reader
        return try Head(&reader, limit: Int(UInt32.max)).count
    }

    /// Appends the ids, ascending, to `ids`; `tooLarge` if they are more than `limit`.
    package static func decode(
        _ reader: inout ByteReader, limit: Int, into ids: inout [UInt32]
    ) throws(EncodingError) {
        let head = try Head(&reader, limit: limit)
        guard head.count > 0 else { return }
        switch head.form {
        case .range:
            ids.append(contentsOf: head.first...head.last)
        case .gaps:
            // A gap takes a byte at least.
            guard head.count - 1 <= reader.remaining else {
                throw EncodingError.truncated(offset: reader.offset)
            }
            try unsafe ids.appendFilled(head.count) { target throws(EncodingError) in
                var id = UInt64(head.first)
                unsafe target[0] = head.first
                for index in 1..<head.count {
                    id = try head.next(after: id, &reader)
                    unsafe target[index] = UInt32(truncatingIfNeeded: id)
                }
            }
        case .bitmap:
            let bits = try reader.slice(head.bitmapByteCount)
            guard head.count <= 8 * bits.count, Self.population(bits) == head.count else {
                throw EncodingError.corrupt(what: "postings count", offset: reader.offset)
            }
            unsafe ids.appendFilled(head.count) { target in
                var filled = 0
                var base = head.first
                for byte in bits {
                    var left = byte
                    while left != 0 {
                        unsafe target[filled] = base &+ UInt32(left.trailingZeroBitCount)
                        filled &+= 1
                        left &= left &- 1
                    }
                    base &+= 8
                }
            }
        }
    }

    /// Removes from `ids` (ascending) what the postings do not hold. A bitmap or a range is asked
    /// only for those ids; gaps are read up to the last of them. The reader ends behind the
    /// postings only where these are no gaps: give it its own.
    package static func intersect(
        _ ids: inout [UInt32], with reader: inout ByteReader
    ) throws(EncodingError) {
        let head = try Head(&reader, limit: Int(UInt32.max))
        guard head.count > 0 else {
            ids.removeAll(keepingCapacity: true)
            return
        }
        switch head.form {
        case .range:
            ids.removeAll { $0 < head.first || $0 > head.last }
        case .bitmap:
            let bits = try reader.slice(head.bitmapByteCount)
            ids.removeAll { id in
                guard id >= head.first, Int(id - head.first) < 8 * bits.count else { return true }
                let bit = Int(id - head.first)
                return bits[bits.startIndex + bit >> 3] >> UInt8(bit & 7) & 1 == 0
            }
        case .gaps:
            var kept = 0
            var held = UInt64(head.first)
            var left = head.count - 1
            var index = 0
            while index < ids.count {
                let id = UInt64(ids[index])
                if id < held {
                    index += 1
                } else if id == held {
                    ids[kept] = ids[index]
                    kept += 1
                    index += 1
                } else if left > 0 {
                    held = try head.next(after: held, &reader)
                    left -= 1
                } else {
                    break
                }
            }
            ids.removeLast(ids.count - kept)
        }
    }

    private static func population(_ bits: ArraySlice<UInt8>) -> Int {
        bits.reduce(0) { $0 + $1.nonzeroBitCount }
    }

    private struct Head {
        let form: Form
        let count: Int
        let first: UInt32
        /// Of a bitmap.
        var bitmapByteCount = 0

        /// Of a range.
        var last: UInt32 { first + UInt32(count - 1) }

        init(_ reader: inout ByteReader, limit: Int) throws(EncodingError) {
            let place = reader.offset
            let byte = try reader.u8()
            guard byte >> 6 == 0 else { throw EncodingError.unsupportedVersion(byte >> 6) }
            guard let form = Form(rawValue: byte) else {
                throw EncodingError.corrupt(what: "postings form", offset: place)
            }
            self.form = form
            count = try reader.count(limit: limit)
            guard count > 0 else {
                first = 0
                return
            }
            let start = try reader.varint()
            guard start <= UInt64(UInt32.max), count - 1 <= Int(UInt64(UInt32.max) - start) else {
                throw EncodingError.corrupt(what: "postings id", offset: place)
            }
            first = UInt32(start)
            if form == .bitmap {
                bitmapByteCount = try reader.count(limit: reader.remaining)
                let bitMax = 8 * bitmapByteCount - 8
                guard bitMax <= Int(UInt32.max - first) else {
                    throw EncodingError.corrupt(what: "postings bitmap", offset: place)
                }
            }
        }

        @inline(__always)
        func next(after id: UInt64, _ reader: inout ByteReader) throws(EncodingError) -> UInt64 {
            let gap = try reader.varint()
            guard gap < UInt64(UInt32.max) - id else {
                throw EncodingError.corrupt(what: "postings gap", offset: reader.offset)
            }
            return id + gap + 1
        }
    }
}
