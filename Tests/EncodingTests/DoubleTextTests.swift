import Encoding
import Glibc
import Testing

@Suite struct DoubleTextTests {
    @Test(arguments: [
        "0", "-0", "1", "+1", "12.5", "-12.5", ".5", "5.", "1e3", "1E+3", "1e-3", "007",
        "0.1", "0.3", "3.141592653589793", "123456789012345678", "1234567890123456789012",
        "9007199254740993", "9007199254740992", "18446744073709551615", "18446744073709551616",
        "1.7976931348623157e308", "5e-324", "2.4703282292062327e-324", "1e-400",
        "2.2250738585072011e-308", "0.000001", "123456.789e3", "1e22", "1e23", "1e-22", "1e-23",
        "51.846000000000004", "8.41e21", "9.5e-23", "0.00000000000000000000000000000000001",
        "100000000000000000000000000000000000000000000000000",
    ]) func parsesToTheSameBitsAsStrtod(_ text: String) {
        #expect(DoubleText.parse(Array(text.utf8))?.bitPattern == reference(text))
    }

    private func reference(_ text: String) -> UInt64 { unsafe strtod(text, nil).bitPattern }

    @Test func randomDecimalsParseToTheSameBitsAsStrtod() {
        var random = SplitMix(seed: 11)
        for _ in 0..<20_000 {
            let digits = UInt64.random(
                in: 0...UInt64.max >> UInt64(random.next() % 64), using: &random)
            var text = "\(digits)"
            if random.next() % 2 == 0 { text += ".\(random.next() >> (random.next() % 64))" }
            if random.next() % 3 == 0 { text += "e\(Int(random.next() % 80) - 40)" }
            #expect(DoubleText.parse(Array(text.utf8))?.bitPattern == reference(text))
        }
    }

    @Test(arguments: [
        "", " ", "1 ", " 1", "0x10", "1_000", "inf", "nan", "Infinity", "1e", "1e+", "e5", ".",
        "-", "+", "--1", "1.2.3", "1e5.5", "1e999", "-1e999", "1,5", "½", "0b1", "1f",
    ]) func refusesWhatIsNoDecimal(_ text: String) {
        #expect(DoubleText.parse(Array(text.utf8)) == nil)
    }

    @Test func aVeryLongNumberIsRefused() {
        let long = [UInt8](repeating: 0x30, count: DoubleText.byteCountMax + 1)
        #expect(DoubleText.parse(long) == nil)
        #expect(DoubleText.parse(long.dropLast()) == 0)
    }

    @Test func wordsAreReadWhereAllowed() {
        for text in ["NaN", "nan", "NAN"] {
            #expect(DoubleText.parse(Array(text.utf8), words: .nanAndInfinity)?.isNaN == true)
        }
        for text in ["Inf", "+Inf", "inf", "infinity", "+Infinity"] {
            #expect(DoubleText.parse(Array(text.utf8), words: .nanAndInfinity) == .infinity)
        }
        #expect(DoubleText.parse(Array("-Inf".utf8), words: .nanAndInfinity) == -.infinity)
        for text in ["-nan", "in", "infi", "nano", "-", "", "1e999"] {
            #expect(DoubleText.parse(Array(text.utf8), words: .nanAndInfinity) == nil)
        }
    }

    @Test func aRangeIsReadAlone() {
        let bytes = Array("a:12.50|g".utf8)
        #expect(DoubleText.parse(bytes, from: 2, to: 7) == 12.5)
        #expect(DoubleText.parse(bytes[2..<7]) == 12.5)
        #expect(DoubleText.parse(bytes, from: 2, to: 2) == nil)
    }

    /// Expected values from Go's strconv.FormatFloat(v, 'f', -1, 64), NaN and Inf as Prometheus.
    @Test(
        arguments: [
            (0, "0"), (-0.0, "-0"), (1, "1"), (-1, "-1"), (1.5, "1.5"), (0.1, "0.1"),
            (-0.001, "-0.001"), (0.25, "0.25"), (12.345, "12.345"), (12.3456, "12.3456"),
            (0.0001, "0.0001"), (1e-7, "0.0000001"), (1.25e-7, "0.000000125"), (100, "100"),
            (123_456_789, "123456789"), (1e15, "1000000000000000"), (1e16, "10000000000000000"),
            (9_007_199_254_740_992, "9007199254740992"), (1e21, "1000000000000000000000"),
            (1.5e22, "15000000000000000000000"), (0x1p64, "18446744073709552000"),
            (3.141592653589793, "3.141592653589793"), (51.846000000000004, "51.846000000000004"),
            (999_999_999_999.999, "999999999999.999"), (123_456_789_012.25, "123456789012.25"),
            (2_251_799_813_685_248.5, "2251799813685248.5"),
            (1_234_567_890_123.125, "1234567890123.125"),
            (.nan, "NaN"), (.infinity, "+Inf"), (-.infinity, "-Inf"),
        ] as [(Double, String)])
    func printsAsGoDoes(_ value: Double, _ expected: String) {
        var bytes: [UInt8] = []
        DoubleText.append(value, to: &bytes)
        #expect(String(decoding: bytes, as: UTF8.self) == expected)
    }

    @Test func printedNumbersAreShortestAndParseBack() {
        var random = SplitMix(seed: 5)
        var values: [Double] = [.leastNonzeroMagnitude, .greatestFiniteMagnitude, .ulpOfOne]
        for _ in 0..<5_000 {
            values.append(Double(bitPattern: random.next()))
            values.append(Double(Int64.random(in: -1_000_000...1_000_000, using: &random)) / 1_000)
            values.append(Double(random.next() >> 11) / 1_000)
            values.append(Double(random.next() >> 20) / 100)
        }
        for value in values where value.isFinite {
            var bytes: [UInt8] = []
            DoubleText.append(value, to: &bytes)
            #expect(bytes.count <= DoubleText.printedByteCountMax)
            let back = DoubleText.parse(bytes)
            #expect(back?.bitPattern == value.bitPattern, "\(value)")
            let digits = bytes.filter { (0x30...0x39).contains($0) }.drop { $0 == 0x30 }
            let shortest = value.description.utf8.prefix { $0 != 0x65 }
                .filter { (0x30...0x39).contains($0) }.drop { $0 == 0x30 }
            let trimmed = String(decoding: digits, as: UTF8.self).trimmingZeros
            #expect(trimmed == String(decoding: shortest, as: UTF8.self).trimmingZeros)
        }
    }

    @Test(arguments: [0, 9, -9, 10, 99, 100, 12_345, .max, .min] as [Int64])
    func integersArePrinted(_ value: Int64) {
        var bytes: [UInt8] = [0x78]
        DoubleText.append(value, to: &bytes)
        #expect(String(decoding: bytes, as: UTF8.self) == "x\(value)")
    }

    @Test func pointsAreWrittenAsThePrometheusAPIDoes() {
        var bytes: [UInt8] = []
        DoubleText.appendPoints(
            timestampsMillis: [1_435_781_430_781, 1_435_781_445_000, 1_435_781_460_050, -1_500][
                ...],
            values: [1, 2.5, .nan, 1e300][...], to: &bytes)
        let big = "1" + String(repeating: "0", count: 300)
        #expect(
            String(decoding: bytes, as: UTF8.self)
                == "[1435781430.781,\"1\"],[1435781445,\"2.5\"],[1435781460.05,\"NaN\"],"
                + "[-1.5,\"\(big)\"]")
    }

    @Test func manyPointsCrossTheChunks() {
        let count = 1_000
        var bytes: [UInt8] = []
        DoubleText.appendPoints(
            timestampsMillis: (0..<count).map { Int64($0) * 1_000 }[...],
            values: (0..<count).map(Double.init)[...], to: &bytes)
        let expected = (0..<count).map { "[\($0),\"\($0)\"]" }.joined(separator: ",")
        #expect(String(decoding: bytes, as: UTF8.self) == expected)
    }
}

extension String {
    fileprivate var trimmingZeros: String {
        var copy = self
        while copy.last == "0" { copy.removeLast() }
        return copy
    }
}
