/// `| distinct a, b`: keeps the first line of each combination of values. A line that lacks one of
/// the labels is dropped. What is first is told by the order in which lines come.
struct DistinctStage: Sendable {
    private let names: [Int]
    private var seen = ByteKeyTable()
    private var key: [UInt8] = []

    /// Combinations that a query remembers.
    static let countMax = 1 << 20

    init(_ names: [String], _ table: inout FieldNames) {
        self.names = names.map { table.number(of: $0) }
    }

    var count: Int { seen.count }

    mutating func removeAll() { seen.removeAll() }

    mutating func passes(_ fields: LineFields) -> Bool {
        key.removeAll(keepingCapacity: true)
        for name in names {
            guard let value = fields.value(of: name), !value.isEmpty else { return false }
            let count = UInt32(truncatingIfNeeded: value.count)
            for shift in stride(from: UInt32(0), to: 32, by: 8) {
                key.append(UInt8(truncatingIfNeeded: count >> shift))
            }
            key.append(contentsOf: fields.arena[value])
        }
        return seen.number(of: key, 0..<key.count).isNew
    }
}
