/// Bytes as they are, LZ4 compressed or Huffman coded, whichever is smallest: for parts of index
/// pages, which are small and decoded once.
///
///     u8 form │ varint count │ form 0: bytes │ 1: varint stored, LZ4 block
///                            │ 2: code lengths, varint stored, bits
package enum EntropyBytes {
    private enum Form: UInt8 {
        case plain = 0
        case lz4 = 1
        case huffman = 2
    }

    private static let codeLimit = 11

    /// Appends `content`.
    package static func encode(_ content: [UInt8], into writer: inout ByteWriter) {
        var best = ByteWriter(reserving: content.count + 8)
        best.u8(Form.plain.rawValue)
        best.varint(UInt64(content.count))
        best.raw(content)
        if content.count >= 32 {
            for form in [Form.lz4, .huffman] {
                var other = ByteWriter(reserving: content.count / 2)
                other.u8(form.rawValue)
                other.varint(UInt64(content.count))
                if form == .lz4 {
                    other.lengthPrefixed(LZ4Block.compress(content, level: .high))
                } else {
                    appendHuffman(content, to: &other)
                }
                if other.count < best.count { best = other }
            }
        }
        writer.raw(best.bytes)
    }

    private static func appendHuffman(_ content: [UInt8], to writer: inout ByteWriter) {
        var counts = [Int](repeating: 0, count: 256)
        for byte in content { counts[Int(byte)] += 1 }
        let code = HuffmanCode(counts: counts, limit: codeLimit)
        code.write(into: &writer)
        let codes = code.codes()
        var bits = BitWriter()
        for byte in content {
            bits.append(UInt64(codes[Int(byte)]), Int(code.lengths[Int(byte)]))
        }
        bits.finish()
        writer.lengthPrefixed(bits.bytes)
    }

    /// The content that `encode` appended; `tooLarge` if it is more than `limit` bytes.
    package static func decode(
        _ reader: inout ByteReader, limit: Int
    ) throws(EncodingError) -> [UInt8] {
        let place = reader.offset
        guard let form = Form(rawValue: try reader.u8()) else {
            throw EncodingError.corrupt(what: "byte form", offset: place)
        }
        let count = try reader.count(limit: limit)
        switch form {
        case .plain: return try reader.raw(count)
        case .lz4:
            var content: [UInt8] = []
            try LZ4Block.decompress(try reader.lengthPrefixed(), into: &content, count: count)
            return content
        case .huffman:
            let code = try HuffmanCode(&reader, symbolCountMax: 256)
            let table = code.table(limit: codeLimit) { symbol, length in
                UInt32(symbol) << 8 | UInt32(length)
            }
            let bits = try reader.lengthPrefixed()
            // A symbol takes a bit at least.
            guard let table, count <= 8 * bits.count else {
                throw EncodingError.corrupt(what: "byte code", offset: place)
            }
            var content: [UInt8] = []
            var isSound = false
            unsafe content.appendFilled(count) { target in
                isSound = unsafe bits.withUnsafeBytes { source in
                    unsafe read(source, table, count: count, into: target)
                }
            }
            guard isSound else { throw EncodingError.corrupt(what: "byte code", offset: place) }
            return content
        }
    }

    private static func read(
        _ source: UnsafeRawBufferPointer, _ table: [UInt32], count: Int,
        into target: UnsafeMutablePointer<UInt8>
    ) -> Bool {
        guard let base = source.baseAddress else { return count == 0 }
        var reader = unsafe BitReader(base, byteCount: source.count, at: 0)
        unsafe table.withUnsafeBufferPointer { table in
            for index in 0..<count {
                let entry = unsafe table[reader.peek(codeLimit)]
                reader.skip(Int(entry & 0xFF))
                unsafe target[index] = UInt8(truncatingIfNeeded: entry >> 8)
            }
        }
        return !reader.isOver
    }
}
