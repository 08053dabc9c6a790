/// Which labels a parser has to make; everything unless the rest of the query says otherwise.
struct FieldNeeds: Sendable, Equatable {
    /// Nil: all.
    var names: Set<String>?

    static let all = FieldNeeds(names: nil)

    func includes(_ name: String) -> Bool {
        guard let names else { return true }
        return names.contains(name) || names.contains(name + "_extracted")
    }

    /// Whether a name that starts with `prefix` may be needed.
    func includesAny(under prefix: String) -> Bool {
        guard let names else { return true }
        return names.contains { $0.hasPrefix(prefix) }
    }

    var isEmpty: Bool { names?.isEmpty ?? false }

    mutating func add(_ name: String) { names?.insert(name) }
}

/// What a parser knows of the keys it has met: the label each becomes and whether that is needed.
struct FieldKeyCache: Sendable {
    struct Key: Sendable {
        /// The key of the object that holds it, −1 at the top.
        var parent: Int32
        /// In `FieldNames`; −1 when nothing is left of the name.
        var name: Int32
        /// Whether its value becomes a label that is needed.
        var isNeeded: Bool
        /// Whether something below it may be needed.
        var isNeededInside: Bool
    }

    private(set) var keys: [Key] = []
    private var table = ByteKeyTable()
    private let needs: FieldNeeds
    /// Where objects are looked into: where one of these may be.
    private let reach: FieldNeeds

    /// Distinct keys that are remembered; beyond it the cache starts afresh with the next line.
    static let keysMax = 1 << 16

    /// `reach`: objects that may hold one of these are looked into, nil for those that may hold
    /// one of `needs`.
    init(needs: FieldNeeds, reach: FieldNeeds? = nil) {
        self.needs = needs
        self.reach = reach ?? needs
    }

    /// Before each line. True: the cache has been emptied, numbers of before mean nothing.
    mutating func beginLine() -> Bool {
        guard keys.count > FieldKeyCache.keysMax else { return false }
        keys.removeAll(keepingCapacity: true)
        table.removeAll()
        return true
    }

    /// The number of the key `bytes[range]` below `parent`.
    mutating func number(
        of bytes: [UInt8], _ range: Range<Int>, parent: Int, names: inout FieldNames
    ) -> Int {
        // The same key below two parents hashes apart by the salt; the table itself compares
        // bytes only, so equal hashes of different parents would meet. Walk on until it fits.
        var salt = UInt64(bitPattern: Int64(parent)) &+ 1
        while true {
            let (number, isNew) = table.number(of: bytes, range, salt: salt)
            if isNew {
                keys.append(makeKey(bytes[range], parent: parent, names: &names))
                return number
            }
            if Int(keys[number].parent) == parent { return number }
            salt = salt &* 0x9E37_79B9_7F4A_7C15 &+ 1
        }
    }

    private func makeKey(
        _ raw: ArraySlice<UInt8>, parent: Int, names: inout FieldNames
    ) -> Key {
        var full: [UInt8] = []
        if parent >= 0, keys[parent].name >= 0 {
            full = Array(names.bytes(Int(keys[parent].name)))
            full.append(UInt8(ascii: "_"))
        }
        let label = FieldKeyCache.sanitized(raw, isFirst: full.isEmpty)
        guard !label.isEmpty else {
            // A part of which nothing is left adds nothing: below `x` it is `x`.
            let name = parent >= 0 ? keys[parent].name : -1
            return Key(
                parent: Int32(parent), name: name,
                isNeeded: name >= 0
                    && needs.includes(String(decoding: names.bytes(Int(name)), as: UTF8.self)),
                isNeededInside: parent < 0 || keys[parent].isNeededInside)
        }
        full.append(contentsOf: label)
        let text = String(decoding: full, as: UTF8.self)
        return Key(
            parent: Int32(parent), name: Int32(names.number(of: full[...])),
            isNeeded: needs.includes(text), isNeededInside: reach.includesAny(under: text + "_"))
    }

    /// A label name: blanks around it cut, every character but letters, digits and `_` turned to
    /// `_`, and `_` before a leading digit.
    static func sanitized(_ raw: ArraySlice<UInt8>, isFirst: Bool) -> [UInt8] {
        var part = raw
        while let first = part.first, first <= 0x20 { part = part.dropFirst() }
        while let last = part.last, last <= 0x20 { part = part.dropLast() }
        var result: [UInt8] = []
        if isFirst, let first = part.first, 0x30...0x39 ~= first {
            result.append(UInt8(ascii: "_"))
        }
        for byte in part {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F: result.append(byte)
            // One _ per character, not per byte.
            case 0x80...0xBF: continue
            default: result.append(UInt8(ascii: "_"))
            }
        }
        return result
    }
}
