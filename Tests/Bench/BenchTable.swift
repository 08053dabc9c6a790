/// The rows as a table for people, and for a diff: columns padded, one row a line.
enum BenchTable {
    /// The table, without a line feed at its end.
    static func text(of rows: [BenchRow]) -> String {
        var cells = [["room", "what", "goal", "reached", "unit", "", "note"]]
        for row in rows {
            cells.append([
                row.room, row.name, row.goal.map(figure) ?? "-", figure(row.reached), row.unit,
                row.isMet ? "ok" : "MISSED", row.note,
            ])
        }
        let widths = (0..<7).map { column in cells.map { $0[column].count }.max() ?? 0 }
        return cells.map { line in
            zip(line, widths).enumerated().map { index, cell in
                let padding = String(repeating: " ", count: cell.1 - cell.0.count)
                return index == 2 || index == 3 ? padding + cell.0 : cell.0 + padding
            }.joined(separator: "  ")
        }.joined(separator: "\n")
    }

    /// Three digits that matter.
    private static func figure(_ value: Double) -> String {
        let decimals = value.magnitude >= 100 ? 1.0 : value.magnitude >= 10 ? 10 : 1_000
        let rounded = (value * decimals).rounded() / decimals
        return rounded == rounded.rounded() && rounded.magnitude < 1e15
            ? "\(Int(rounded))" : "\(rounded)"
    }
}
