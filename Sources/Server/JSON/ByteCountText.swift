/// Sizes as people write them.
package enum ByteCountText {
    private static let units: [(name: String, bytes: Int)] = [
        ("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10),
        ("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000),
        ("KB", 1_000), ("B", 1),
    ]

    /// Nil for what is no size, and beyond 8 EiB.
    package static func parse(_ text: String) -> Int? {
        let unit = units.first { text.hasSuffix($0.name) }
        let digits = text.dropLast(unit?.name.count ?? 0)
        guard let count = Double(digits), count >= 0, count.isFinite else { return nil }
        return Int(exactly: (count * Double(unit?.bytes ?? 1)).rounded())
    }

    /// Three significant digits in binary units: `1.50 MiB`.
    package static func format(_ count: Int) -> String {
        for unit in units.prefix(4) where count >= unit.bytes {
            let hundredths = Int((Double(count) / Double(unit.bytes) * 100).rounded())
            let fraction = hundredths % 100
            return "\(hundredths / 100).\(fraction < 10 ? "0" : "")\(fraction) \(unit.name)"
        }
        return "\(count) B"
    }
}
