/// Printing: most values that machines report are integers or have at most three decimals, and those
/// are printed as integers with a point put in. The rest goes through the runtime's shortest digits.
extension DoubleText {
    /// Most bytes that one value takes: 5e-324 is "0." and 323 zeros and a digit, with a sign.
    package static let printedByteCountMax = 344

    /// Appends the shortest text that parses back to `value`: no exponent; `NaN`, `+Inf`, `-Inf`.
    package static func append(_ value: Double, to bytes: inout [UInt8]) {
        unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: printedByteCountMax) {
            text in
            guard let start = text.baseAddress else { return }
            let end = unsafe print(value, at: start)
            unsafe bytes.append(contentsOf: UnsafeBufferPointer(start: start, count: end - start))
        }
    }

    /// Appends `value` in decimal.
    package static func append(_ value: Int64, to bytes: inout [UInt8]) {
        unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 24) { text in
            guard let start = text.baseAddress else { return }
            var at = unsafe start
            if value < 0 { unsafe put("-", at: &at) }
            let end = unsafe printDigits(value.magnitude, at: at)
            unsafe bytes.append(contentsOf: UnsafeBufferPointer(start: start, count: end - start))
        }
    }

    /// Appends the points of one series as the Prometheus API has them, comma between:
    /// `[1435781430.781,"1"],[1435781445.781,"2.5"]`. Both arrays have the same length.
    ///
    /// - Parameters:
    ///   - timestampsMillis: ms since 1970.
    ///   - values: printed as `append` does.
    package static func appendPoints(
        timestampsMillis: ArraySlice<Int64>, values: ArraySlice<Double>, to bytes: inout [UInt8]
    ) {
        precondition(timestampsMillis.count == values.count, "a value for every timestamp")
        let chunk = 64
        let pointByteCountMax = printedByteCountMax + 32
        unsafe withUnsafeTemporaryAllocation(
            of: UInt8.self, capacity: chunk * pointByteCountMax
        ) { text in
            guard let start = text.baseAddress else { return }
            var done = 0
            while done < values.count {
                let count = min(chunk, values.count - done)
                var at = unsafe start
                for index in done..<done + count {
                    if index > 0 { unsafe put(",", at: &at) }
                    unsafe put("[", at: &at)
                    unsafe at = printSeconds(
                        millis: timestampsMillis[timestampsMillis.startIndex + index], at: at)
                    unsafe put(",", at: &at)
                    unsafe put("\"", at: &at)
                    unsafe at = print(values[values.startIndex + index], at: at)
                    unsafe put("\"", at: &at)
                    unsafe put("]", at: &at)
                }
                unsafe bytes.append(
                    contentsOf: UnsafeBufferPointer(start: start, count: at - start))
                done += count
            }
        }
    }

    @inline(__always)
    private static func put(
        _ character: Unicode.Scalar, at place: inout UnsafeMutablePointer<UInt8>
    ) {
        unsafe place.pointee = UInt8(truncatingIfNeeded: character.value)
        unsafe place += 1
    }

    @inline(__always)
    private static func printSeconds(
        millis: Int64, at start: UnsafeMutablePointer<UInt8>
    ) -> UnsafeMutablePointer<UInt8> {
        var at = unsafe start
        if millis < 0 { unsafe put("-", at: &at) }
        let (seconds, rest) = millis.magnitude.quotientAndRemainder(dividingBy: 1_000)
        unsafe at = printDigits(seconds, at: at)
        return rest == 0 ? unsafe at : unsafe printDecimals(rest, at: at)
    }

    /// `.` and 1 to 3 digits of `thousandths`, which is 1 to 999.
    @inline(__always)
    private static func printDecimals(
        _ thousandths: UInt64, at start: UnsafeMutablePointer<UInt8>
    ) -> UnsafeMutablePointer<UInt8> {
        let digits = UInt32(truncatingIfNeeded: thousandths)
        unsafe start[0] = UInt8(ascii: ".")
        unsafe start[1] = 0x30 + UInt8(truncatingIfNeeded: digits / 100)
        unsafe start[2] = 0x30 + UInt8(truncatingIfNeeded: digits / 10 % 10)
        unsafe start[3] = 0x30 + UInt8(truncatingIfNeeded: digits % 10)
        let count = digits % 100 == 0 ? 2 : digits % 10 == 0 ? 3 : 4
        return unsafe start + count
    }

    /// Writes up to `printedByteCountMax` bytes; the place after them.
    @inline(__always)
    private static func print(
        _ value: Double, at start: UnsafeMutablePointer<UInt8>
    ) -> UnsafeMutablePointer<UInt8> {
        let magnitude = value.magnitude
        // Decimals of up to 15 digits are distinct as doubles: if one of them is this double, no
        // shorter text is.
        if magnitude < 1e12 {
            let thousandths = UInt64(magnitude * 1_000 + 0.5)
            if Double(thousandths) / 1_000 == magnitude {
                var at = unsafe start
                if value.sign == .minus { unsafe put("-", at: &at) }
                let (whole, rest) = thousandths.quotientAndRemainder(dividingBy: 1_000)
                unsafe at = printDigits(whole, at: at)
                return rest == 0 ? unsafe at : unsafe printDecimals(rest, at: at)
            }
        } else if magnitude < 0x1p53, magnitude.rounded(.towardZero) == magnitude {
            var at = unsafe start
            if value.sign == .minus { unsafe put("-", at: &at) }
            return unsafe printDigits(UInt64(magnitude), at: at)
        }
        return unsafe printSlowly(value, at: start)
    }

    /// Decimal digits, two at a time.
    @inline(__always)
    private static func printDigits(
        _ value: UInt64, at start: UnsafeMutablePointer<UInt8>
    ) -> UnsafeMutablePointer<UInt8> {
        if value < 10 {
            unsafe start.pointee = 0x30 + UInt8(truncatingIfNeeded: value)
            return unsafe start + 1
        }
        let count = digitCount(value)
        var at = unsafe start + count
        var rest = value
        while rest >= 100 {
            let (quotient, pair) = rest.quotientAndRemainder(dividingBy: 100)
            let tens = UInt8(truncatingIfNeeded: pair) / 10
            unsafe at -= 2
            unsafe at[0] = 0x30 + tens
            unsafe at[1] = 0x30 + (UInt8(truncatingIfNeeded: pair) - tens &* 10)
            rest = quotient
        }
        if rest >= 10 {
            unsafe start[0] = 0x30 + UInt8(truncatingIfNeeded: rest / 10)
            unsafe start[1] = 0x30 + UInt8(truncatingIfNeeded: rest % 10)
        } else {
            unsafe start[0] = 0x30 + UInt8(truncatingIfNeeded: rest)
        }
        return unsafe start + count
    }

    private static func digitCount(_ value: UInt64) -> Int {
        var count = 1
        var rest = value
        while rest >= 10_000 {
            rest /= 10_000
            count += 4
        }
        return count + (rest >= 1_000 ? 3 : rest >= 100 ? 2 : rest >= 10 ? 1 : 0)
    }

    /// From the runtime's shortest digits (`1.5e-07`, `123.25`, `nan`) to positional text.
    private static func printSlowly(
        _ value: Double, at start: UnsafeMutablePointer<UInt8>
    ) -> UnsafeMutablePointer<UInt8> {
        var at = unsafe start
        guard value.isFinite else {
            if !value.isNaN { unsafe put(value < 0 ? "-" : "+", at: &at) }
            for character in (value.isNaN ? "NaN" : "Inf").unicodeScalars {
                unsafe put(character, at: &at)
            }
            return unsafe at
        }
        if value.sign == .minus { unsafe put("-", at: &at) }
        return unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 24) { digits in
            guard let digits = digits.baseAddress else { return unsafe at }
            let (count, pointAt) = unsafe shortestDigits(of: value.magnitude, into: digits)
            if pointAt <= 0 {
                unsafe put("0", at: &at)
                unsafe put(".", at: &at)
                for _ in pointAt..<0 { unsafe put("0", at: &at) }
            }
            for index in 0..<count {
                if index > 0, index == pointAt { unsafe put(".", at: &at) }
                unsafe at.pointee = digits[index]
                unsafe at += 1
            }
            for _ in count..<max(count, pointAt) { unsafe put("0", at: &at) }
            return unsafe at
        }
    }

    /// The digits without leading and trailing zeros (at most 17), and how many of them stand before
    /// the point; zero or less when the number is below 0.1.
    private static func shortestDigits(
        of value: Double, into digits: UnsafeMutablePointer<UInt8>
    ) -> (count: Int, pointAt: Int) {
        var count = 0
        var pointAt: Int? = nil
        var exponent = 0
        var exponentSign = 1
        var isInExponent = false
        var leadingZeros = 0
        for byte in value.description.utf8 {
            switch byte {
            case UInt8(ascii: "."):
                pointAt = count
            case UInt8(ascii: "e"):
                isInExponent = true
            case UInt8(ascii: "-"):
                exponentSign = -1
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                if isInExponent {
                    exponent = exponent * 10 + Int(byte - 0x30)
                } else if count > 0 || byte != 0x30 {
                    unsafe digits[count] = byte
                    count += 1
                } else if pointAt != nil {
                    leadingZeros += 1
                }
            default:
                break
            }
        }
        let place = (pointAt ?? count) - leadingZeros + exponentSign * exponent
        while count > 1, unsafe digits[count - 1] == 0x30 { count -= 1 }
        return (count, place)
    }
}
