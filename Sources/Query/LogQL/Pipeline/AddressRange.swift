/// The operand of `ip("…")`: one address, a range `a-b` or a CIDR, of IPv4 or IPv6.
///
/// Source: Loki 3, pkg/logql/log/ip.go.
struct AddressRange: Sendable {
    private let isSixteenBytes: Bool
    private let low: UInt128
    private let high: UInt128

    /// Nil when `text` is none of these.
    init?(_ text: String) {
        if let dash = text.firstIndex(of: "-") {
            guard let low = AddressRange.address(text[..<dash]),
                let high = AddressRange.address(text[text.index(after: dash)...]),
                low.isSixteenBytes == high.isSixteenBytes, low.bits <= high.bits
            else { return nil }
            (isSixteenBytes, self.low, self.high) = (low.isSixteenBytes, low.bits, high.bits)
        } else if let slash = text.firstIndex(of: "/") {
            guard let base = AddressRange.address(text[..<slash]),
                let length = Int(text[text.index(after: slash)...]), length >= 0,
                length <= (base.isSixteenBytes ? 128 : 32)
            else { return nil }
            let free = (base.isSixteenBytes ? 128 : 32) - length
            let mask = free == 128 ? UInt128.max : (UInt128(1) << free) - 1
            (isSixteenBytes, low, high) = (
                base.isSixteenBytes, base.bits & ~mask, base.bits | mask
            )
        } else {
            guard let address = AddressRange.address(text) else { return nil }
            (isSixteenBytes, low, high) = (address.isSixteenBytes, address.bits, address.bits)
        }
    }

    /// Whether `text` is an address in the range.
    func contains(_ text: ArraySlice<UInt8>) -> Bool {
        guard text.count <= 45,
            let address = AddressRange.address(String(decoding: text, as: UTF8.self))
        else { return false }
        return address.isSixteenBytes == isSixteenBytes && low <= address.bits
            && address.bits <= high
    }

    /// Whether `text[range]` holds an address of the range anywhere.
    func occurs(in text: [UInt8], _ range: Range<Int>) -> Bool {
        var start = range.lowerBound
        while start < range.upperBound {
            guard AddressRange.isPart(text[start], isSixteenBytes) else {
                start += 1
                continue
            }
            var end = start
            while end < range.upperBound, AddressRange.isPart(text[end], isSixteenBytes) {
                end += 1
            }
            // A sentence may end behind an address.
            let trimmed = text[start..<end].last == UInt8(ascii: ".") ? end - 1 : end
            if contains(text[start..<trimmed]) { return true }
            start = end
        }
        return false
    }

    private static func isPart(_ byte: UInt8, _ isSixteenBytes: Bool) -> Bool {
        switch byte {
        case 0x30...0x39, UInt8(ascii: "."): true
        case UInt8(ascii: ":"), 0x41...0x46, 0x61...0x66: isSixteenBytes
        default: false
        }
    }

    private static func address(
        _ text: some StringProtocol
    ) -> (isSixteenBytes: Bool, bits: UInt128)? {
        if text.contains(":") { return sixteenBytes(text).map { (true, $0) } }
        return fourBytes(text).map { (false, $0) }
    }

    private static func fourBytes(_ text: some StringProtocol) -> UInt128? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bits: UInt128 = 0
        for part in parts {
            guard !part.isEmpty, part.count <= 3, part.utf8.allSatisfy({ 0x30...0x39 ~= $0 }),
                let value = UInt8(part)
            else { return nil }
            bits = bits << 8 | UInt128(value)
        }
        return bits
    }

    private static func sixteenBytes(_ text: some StringProtocol) -> UInt128? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count >= 3, parts.count <= 9 else { return nil }
        var groups: [UInt16] = []
        var gap: Int?
        for (index, part) in parts.enumerated() {
            if part.isEmpty {
                let isEdge = index == 0 || index == parts.count - 1
                if isEdge, parts[index == 0 ? 1 : index - 1].isEmpty { continue }
                guard !isEdge, gap == nil else { return nil }
                gap = groups.count
            } else if part.contains(".") {
                guard index == parts.count - 1, let tail = fourBytes(part) else { return nil }
                groups.append(UInt16(truncatingIfNeeded: tail >> 16))
                groups.append(UInt16(truncatingIfNeeded: tail))
            } else {
                guard part.count <= 4, part.first?.isHexDigit == true,
                    let value = UInt16(part, radix: 16)
                else { return nil }
                groups.append(value)
            }
        }
        if let gap {
            guard groups.count < 8 else { return nil }
            groups.insert(contentsOf: repeatElement(0, count: 8 - groups.count), at: gap)
        }
        guard groups.count == 8 else { return nil }
        return groups.reduce(0) { $0 << 16 | UInt128($1) }
    }
}
