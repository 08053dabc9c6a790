/// Looks for digits inside of numbers that are written four bits a digit, the first digit highest:
/// as text search would in their digits, without the text.
package struct DigitSearch: Sendable {
    /// What is looked for.
    private let digits: UInt64
    private let count: Int
    private let isAtStart: Bool
    private let isAtEnd: Bool

    /// Nil when `word` is not all digits 0 to 9 and a to f, or has more than 16.
    /// `isAtStart`, `isAtEnd`: whether a number must begin or end with it.
    package init?(_ word: [UInt8], isAtStart: Bool, isAtEnd: Bool) {
        guard let digits = DigitSearch.digits(word[...]), !word.isEmpty else { return nil }
        self.digits = digits
        count = word.count
        self.isAtStart = isAtStart
        self.isAtEnd = isAtEnd
    }

    /// The digits of a word; nil for what is none.
    package static func digits(_ word: ArraySlice<UInt8>) -> UInt64? {
        guard word.count <= WordKind.digitsMax else { return nil }
        var digits: UInt64 = 0
        for byte in word {
            if byte &- 0x30 < 10 {
                digits = digits << 4 | UInt64(byte - 0x30)
            } else if byte &- 0x61 < 6 {
                digits = digits << 4 | UInt64(byte - 0x57)
            } else {
                return nil
            }
        }
        return digits
    }

    /// The places of those of `numbers` (ascending, of `length` digits each) that hold the digits,
    /// ascending.
    package func places(in numbers: [UInt64], length: Int) -> [Int] {
        guard count <= length else { return [] }
        let free = length - count
        if isAtStart {
            guard !isAtEnd || free == 0 else { return [] }
            let low = digits << UInt64(4 * free)
            let high = low | (free == 0 ? 0 : ~0 >> UInt64(64 - 4 * free))
            return Array(
                DigitSearch.firstPlace(in: numbers) {
                    $0 >= low
                }..<DigitSearch.firstPlace(
                    in: numbers
                ) { $0 > high })
        }
        var places: [Int] = []
        let mask: UInt64 = ~0 >> UInt64(64 - 4 * count)
        let shiftMax = isAtEnd ? 0 : free
        unsafe numbers.withUnsafeBufferPointer { numbers in
            var start = 0
            while start < numbers.count {
                // Sixteen at once say whether a closer look is worth it.
                let end = min(start &+ 16, numbers.count)
                var hits: UInt64 = 0
                for shift in 0...shiftMax {
                    let bits = UInt64(4 &* shift)
                    for place in start..<end {
                        let differs = (unsafe numbers[place] &>> bits ^ digits) & mask
                        hits |= differs == 0 ? 1 &<< UInt64(place &- start) : 0
                    }
                }
                while hits != 0 {
                    places.append(start &+ hits.trailingZeroBitCount)
                    hits &= hits &- 1
                }
                start = end
            }
        }
        return places
    }

    private static func firstPlace(
        in numbers: [UInt64], where isBeyond: (UInt64) -> Bool
    ) -> Int {
        var low = 0
        var high = numbers.count
        while low < high {
            let middle = (low + high) / 2
            if isBeyond(numbers[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }

    /// Decimal digits, four bits each, as the number they write.
    package static func value(ofDecimal digits: UInt64) -> Int64 {
        var value: Int64 = 0
        for shift in stride(from: UInt64(60), through: 0, by: -4) {
            value = value &* 10 &+ Int64((digits &>> shift) & 15)
        }
        return value
    }

    /// The other way round, for 0 ..< 10^16.
    package static func digits(ofValue value: Int64) -> UInt64 {
        var left = UInt64(bitPattern: value)
        var digits: UInt64 = 0
        var shift: UInt64 = 0
        while left > 0 {
            digits |= (left % 10) &<< shift
            left /= 10
            shift &+= 4
        }
        return digits
    }
}
