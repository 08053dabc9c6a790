/// Series over time drawn with braille dots, two by four to a character: an axis of values at the
/// left, times below, a legend under it.
struct LineChart {
    struct Series {
        var name: String
        /// (milliseconds, value), ascending; gaps are where points are missing.
        var points: [(millis: Int64, value: Double)]
    }

    var series: [Series]
    var startMillis: Int64
    var endMillis: Int64
    /// Beyond it two neighbouring points are not joined.
    var gapMillis: Int64
    var width: Int
    var height: Int
    /// Colours by series, or nothing but dots.
    var usesColor: Bool

    static let seriesCountMax = 12
    private static let colors = [36, 33, 35, 32, 34, 31, 96, 93, 95, 92, 94, 91]

    /// The picture, line by line.
    var lines: [String] {
        let shown = Array(series.prefix(LineChart.seriesCountMax))
        let finite = shown.flatMap { $0.points.map(\.value) }.filter(\.isFinite)
        guard let low = finite.min(), let high = finite.max() else { return ["(no points)"] }
        let scale = Scale(low: low, high: high)
        let labels = (0..<height).map { row in
            scale.label(atFraction: 1 - Double(row) / Double(max(height - 1, 1)))
        }
        let margin = (labels.map(\.count).max() ?? 0) + 1
        let columns = max(width - margin - 2, 16)
        var canvas = Canvas(columns: columns, rows: height)
        for (index, one) in shown.enumerated() { draw(one, index, scale, on: &canvas) }
        var lines: [String] = []
        for row in 0..<height {
            let isTick = row % 4 == 0 || row == height - 1
            let label = isTick ? labels[row] : ""
            let fill = String(repeating: " ", count: margin - label.count - 1)
            lines.append("\(fill)\(label) \(isTick ? "┤" : "│")\(text(of: canvas, row))")
        }
        let indent = String(repeating: " ", count: margin)
        lines.append("\(indent)└\(String(repeating: "─", count: columns))")
        lines.append("\(indent) \(timeAxis(columns))")
        for (index, one) in shown.enumerated() {
            lines.append("\(indent) \(colored("──", index)) \(one.name)")
        }
        if series.count > shown.count {
            lines.append("\(indent) and \(series.count - shown.count) more series, not drawn")
        }
        return lines
    }

    private func draw(_ one: Series, _ index: Int, _ scale: Scale, on canvas: inout Canvas) {
        let span = Double(max(endMillis - startMillis, 1))
        var previous: (x: Int, y: Int, millis: Int64)?
        for point in one.points where point.value.isFinite {
            let across = Double(point.millis - startMillis) / span
            let x = Int((across * Double(canvas.columns * 2 - 1)).rounded())
            let up = scale.fraction(of: point.value)
            let y = Int(((1 - up) * Double(canvas.rows * 4 - 1)).rounded())
            if let previous, point.millis - previous.millis <= gapMillis {
                canvas.line(from: (previous.x, previous.y), to: (x, y), owner: index)
            } else {
                canvas.dot(x, y, owner: index)
            }
            previous = (x, y, point.millis)
        }
    }

    private func text(of canvas: Canvas, _ row: Int) -> String {
        var line = ""
        for column in 0..<canvas.columns {
            let cell = canvas.cell(column, row)
            guard cell.dots != 0, let scalar = Unicode.Scalar(0x2800 + UInt32(cell.dots)) else {
                line += " "
                continue
            }
            line += colored(String(Character(scalar)), cell.owner)
        }
        return line
    }

    private func colored(_ text: String, _ index: Int) -> String {
        usesColor
            ? "\u{1B}[\(LineChart.colors[index % LineChart.colors.count])m\(text)\u{1B}[0m" : text
    }

    private func timeAxis(_ columns: Int) -> String {
        let left = ClockText.short(millis: startMillis)
        let right = ClockText.short(millis: endMillis)
        let middle = ClockText.short(millis: startMillis + (endMillis - startMillis) / 2)
        let room = columns - left.count - middle.count - right.count
        guard room > 4 else { return left }
        let before = columns / 2 - left.count - middle.count / 2
        let after = room - before
        return left + String(repeating: " ", count: before) + middle
            + String(repeating: " ", count: after) + right
    }
}

/// From values to heights. A flat line is drawn in the middle.
private struct Scale {
    let low: Double
    let high: Double

    init(low: Double, high: Double) {
        if low == high {
            let around = low == 0 ? 1 : abs(low) * 0.5
            self.low = low - around
            self.high = high + around
        } else {
            self.low = low
            self.high = high
        }
    }

    func fraction(of value: Double) -> Double { (value - low) / (high - low) }

    func label(atFraction fraction: Double) -> String {
        NumberText.short(low + (high - low) * fraction)
    }
}

/// Dots of 2 × 4 to a character, each character the colour of who drew there last.
private struct Canvas {
    let columns: Int
    let rows: Int
    private var cells: [(dots: UInt8, owner: Int)]
    /// Bit of the dot at (x mod 2, y mod 4), as Unicode numbers braille dots.
    private static let bits: [[UInt8]] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]]

    init(columns: Int, rows: Int) {
        self.columns = columns
        self.rows = rows
        cells = Array(repeating: (0, 0), count: columns * rows)
    }

    func cell(_ column: Int, _ row: Int) -> (dots: UInt8, owner: Int) {
        cells[row * columns + column]
    }

    mutating func dot(_ x: Int, _ y: Int, owner: Int) {
        guard x >= 0, y >= 0, x < columns * 2, y < rows * 4 else { return }
        let place = y / 4 * columns + x / 2
        cells[place].dots |= Canvas.bits[x % 2][y % 4]
        cells[place].owner = owner
    }

    mutating func line(from a: (x: Int, y: Int), to b: (x: Int, y: Int), owner: Int) {
        let steps = max(abs(b.x - a.x), abs(b.y - a.y), 1)
        for step in 0...steps {
            let x = a.x + (b.x - a.x) * step / steps
            let y = a.y + (b.y - a.y) * step / steps
            dot(x, y, owner: owner)
        }
    }
}
