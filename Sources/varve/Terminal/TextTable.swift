/// Rows in aligned columns, as wide as the widest cell; numbers to the right.
struct TextTable {
    enum Alignment { case left, right }

    var header: [String]
    var alignments: [Alignment]
    private(set) var rows: [[String]] = []

    init(_ columns: [(String, Alignment)]) {
        header = columns.map(\.0)
        alignments = columns.map(\.1)
    }

    /// As many cells as there are columns.
    mutating func add(_ row: [String]) {
        precondition(row.count == header.count, "BUG: a row with \(row.count) cells")
        rows.append(row)
    }

    /// The lines, header first; cells are not cut.
    var lines: [String] {
        var widths = header.map(\.count)
        for row in rows {
            for (index, cell) in row.enumerated() { widths[index] = max(widths[index], cell.count) }
        }
        return ([header] + rows).map { row in
            let cells = row.enumerated().map { index, cell -> String in
                let fill = String(repeating: " ", count: widths[index] - cell.count)
                if alignments[index] == .right { return fill + cell }
                return index == row.count - 1 ? cell : cell + fill
            }
            return cells.joined(separator: "  ")
        }
    }
}
