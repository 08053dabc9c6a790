import Encoding
import Testing

@Suite("HyperLogLog")
struct HyperLogLogTests {
    private static func sketch(_ members: Range<Int>) -> [UInt8] {
        var registers = HyperLogLog.empty()
        for member in members {
            HyperLogLog.insert(
                HyperLogLog.memberHash(Array("user-\(member)".utf8)[...]), into: &registers)
        }
        return registers
    }

    @Test("an empty sketch counts nothing")
    func emptyIsZero() { #expect(HyperLogLog.estimate(HyperLogLog.empty()) == 0) }

    /// Five times the standard error of 1.04 / sqrt(4096).
    @Test(
        "the estimate is within five standard errors",
        arguments: [1, 10, 100, 1_000, 4_097, 10_000, 100_000, 500_000])
    func estimateIsClose(count: Int) {
        let estimate = HyperLogLog.estimate(Self.sketch(0..<count))
        let error = abs(estimate - Double(count)) / Double(count)
        #expect(error < 5 * 1.04 / 64, "\(count) counted as \(estimate)")
    }

    @Test("a union equals the sketch of all members, in any order, however often")
    func unionIsExact() {
        let whole = Self.sketch(0..<9_000)
        var left = Self.sketch(0..<6_000)
        let right = Self.sketch(3_000..<9_000)
        HyperLogLog.merge(right, into: &left)
        HyperLogLog.merge(right, into: &left)
        #expect(left == whole)
        #expect(HyperLogLog.estimate(left) == HyperLogLog.estimate(whole))
    }

    @Test("ranks run from 1 to 53 and the top bits choose the register")
    func ranks() {
        var registers = HyperLogLog.empty()
        HyperLogLog.insert(0, into: &registers)
        HyperLogLog.insert(.max, into: &registers)
        HyperLogLog.insert(0x0010_0000_0000_0001, into: &registers)
        #expect(registers[0] == 53)
        #expect(registers[4095] == 1)
        #expect(registers[1] == 52)
    }

    @Test("full registers give a finite number")
    func saturated() {
        let registers = [UInt8](repeating: 53, count: HyperLogLog.registerCount)
        let estimate = HyperLogLog.estimate(registers)
        #expect(estimate > 1e15)
    }
}
