package import Encoding
package import Model

/// A series on its way between nodes, or a piece of one that is too long for a part: the pieces of
/// a series follow each other.
package struct SeriesPiece: Sendable {
    /// Samples of one piece: a part of two such columns is 2 MiB.
    static let samplesMax = 131_072
    /// Histograms of one piece: some hundred bytes each.
    static let histogramsMax = 4_096

    package var data: SeriesData
    /// More of the series follows.
    var goesOn: Bool

    /// How a column of timestamps is written.
    private enum ColumnForm: UInt8 {
        case plain = 0
        /// The first, and one step between all.
        case regular = 1
    }

    private enum Flag {
        static let goesOn: UInt8 = 1
        static let isRising: UInt8 = 2
    }

    /// Writes series into parts and hands each over when it is large enough.
    struct Packer {
        private var writer: ByteWriter?
        /// Of the open part; the objects are kept so that none is another's successor in memory.
        private var columns: [TimestampColumn] = []
        private var numbers: [ObjectIdentifier: Int] = [:]
        /// What was spent since the last part.
        private let spent: () -> ReadCharges

        init(spent: @escaping () -> ReadCharges) { self.spent = spent }

        /// `send` gets whole parts; what it throws ends it.
        mutating func add(_ series: SeriesData, _ send: ([UInt8]) throws -> Void) rethrows {
            let floats = series.values.count
            let histograms = series.histograms.count
            guard floats > samplesMax || histograms > histogramsMax else {
                write(SeriesPiece(data: series, goesOn: false))
                return try sendIfLarge(send)
            }
            var start = 0
            var histogramStart = 0
            while start < floats || histogramStart < histograms {
                let end = min(floats, start + samplesMax)
                // Histograms follow when the samples are through.
                let histogramEnd =
                    end < floats ? 0 : min(histograms, histogramStart + histogramsMax)
                var data = SeriesData(
                    id: series.id, labels: series.labels,
                    timestamps: TimestampColumn(Array(series.timestamps.nanos[start..<end])),
                    values: Array(series.values[start..<end]),
                    histogramTimestamps: TimestampColumn(
                        Array(series.histogramTimestamps.nanos[histogramStart..<histogramEnd])),
                    histograms: Array(series.histograms[histogramStart..<histogramEnd]))
                data.isRising = series.isRising
                write(
                    SeriesPiece(data: data, goesOn: end < floats || histogramEnd < histograms))
                start = end
                histogramStart = histogramEnd
                try sendIfLarge(send)
            }
        }

        /// Hands over what is left.
        mutating func finish(_ send: ([UInt8]) throws -> Void) rethrows {
            guard let bytes = writer.take()?.bytes else { return }
            columns.removeAll()
            numbers.removeAll()
            try send(bytes)
        }

        private mutating func sendIfLarge(_ send: ([UInt8]) throws -> Void) rethrows {
            guard let count = writer?.count, count >= ReadPart.byteCountGoal else { return }
            try finish(send)
        }

        private mutating func write(_ piece: SeriesPiece) {
            var open =
                writer.take()
                ?? ReadPart.begin(
                    .series, spent(), reserving: ReadPart.byteCountGoal + (128 << 10))
            let data = piece.data
            open.seriesID(data.id)
            open.lengthPrefixed(data.labels.bytes)
            open.u8((piece.goesOn ? Flag.goesOn : 0) | (data.isRising ? Flag.isRising : 0))
            write(data.timestamps, to: &open)
            open.column(data.values)
            write(data.histogramTimestamps, to: &open)
            for histogram in data.histograms { HistogramCodec.write(histogram, to: &open) }
            writer = open
        }

        /// The column's number in the part, from 1, and the column when it is a new one; 0 for the
        /// empty one.
        private mutating func write(_ column: TimestampColumn, to open: inout ByteWriter) {
            guard !column.nanos.isEmpty else { return open.varint(0) }
            if let number = numbers[ObjectIdentifier(column)] {
                return open.varint(UInt64(number))
            }
            columns.append(column)
            numbers[ObjectIdentifier(column)] = columns.count
            open.varint(UInt64(columns.count))
            open.varint(UInt64(column.nanos.count))
            if let step = regularStep(column.nanos) {
                open.u8(ColumnForm.regular.rawValue)
                open.i64(column.nanos[0])
                open.varint(step)
            } else {
                open.u8(ColumnForm.plain.rawValue)
                open.column(column.nanos)
            }
        }
    }

    private static func regularStep(_ nanos: [Int64]) -> UInt64? {
        guard nanos.count > 2 else { return nil }
        let step = nanos[1] &- nanos[0]
        guard step > 0 else { return nil }
        for index in 2..<nanos.count where nanos[index] &- nanos[index - 1] != step {
            return nil
        }
        return UInt64(step)
    }

    /// Reads pieces to the end.
    static func readAll(_ reader: inout ByteReader) throws -> [SeriesPiece] {
        var pieces: [SeriesPiece] = []
        var columns: [TimestampColumn] = []
        while !reader.isAtEnd {
            let id = try reader.seriesID()
            let labels = try reader.labels()
            let flags = try reader.u8()
            guard flags & ~(Flag.goesOn | Flag.isRising) == 0 else {
                throw EncodingError.corrupt(what: "flags", offset: reader.offset)
            }
            let timestamps = try readColumn(&reader, &columns, samplesMax)
            var values: [Double] = []
            try reader.column(count: timestamps.nanos.count, into: &values)
            let histogramTimestamps = try readColumn(&reader, &columns, samplesMax)
            var histograms: [Histogram] = []
            for _ in histogramTimestamps.nanos {
                histograms.append(try HistogramCodec.read(&reader))
            }
            var data = SeriesData(
                id: id, labels: labels, timestamps: timestamps, values: values,
                histogramTimestamps: histogramTimestamps, histograms: histograms)
            data.isRising = flags & Flag.isRising != 0
            pieces.append(SeriesPiece(data: data, goesOn: flags & Flag.goesOn != 0))
        }
        return pieces
    }

    private static func readColumn(
        _ reader: inout ByteReader, _ columns: inout [TimestampColumn], _ limit: Int
    ) throws(EncodingError) -> TimestampColumn {
        let start = reader.offset
        let number = try reader.count(limit: columns.count + 1)
        if number == 0 { return .empty }
        if number <= columns.count { return columns[number - 1] }
        let count = try reader.count(limit: limit)
        var nanos: [Int64] = []
        switch ColumnForm(rawValue: try reader.u8()) {
        case .plain:
            try reader.column(count: count, into: &nanos)
            for index in nanos.indices.dropFirst() where nanos[index] <= nanos[index - 1] {
                throw .corrupt(what: "timestamps", offset: start)
            }
        case .regular:
            let first = try reader.i64()
            let step = try reader.count(limit: .max)
            let (span, isFar) = step.multipliedReportingOverflow(by: max(0, count - 1))
            guard count > 0, step > 0, !isFar, !first.addingReportingOverflow(Int64(span)).overflow
            else { throw .corrupt(what: "timestamps", offset: start) }
            nanos = (0..<count).map { first + Int64($0) * Int64(step) }
        case nil: throw .corrupt(what: "column form", offset: start)
        }
        guard count > 0 else { throw .corrupt(what: "empty column", offset: start) }
        columns.append(TimestampColumn(nanos))
        return columns[columns.count - 1]
    }
}

/// Puts the pieces of series together again, and gives series of successive parts that have equal
/// columns the same one, as whoever computes by the identity of a column expects.
package struct SeriesJoiner {
    private var open: [SeriesPiece] = []
    private var recent: [TimestampColumn] = []

    package init() {}

    /// Whether a series has begun and not ended.
    var isOpen: Bool { !open.isEmpty }

    /// The series that are whole now. Errors: pieces that do not follow each other.
    package mutating func add(
        _ pieces: [SeriesPiece]
    ) throws(EncodingError) -> [SeriesData] {
        var whole: [SeriesData] = []
        whole.reserveCapacity(pieces.count)
        var columns: [TimestampColumn] = []
        for piece in pieces {
            if let first = open.first, first.data.id != piece.data.id {
                throw .corrupt(what: "piece of another series", offset: 0)
            }
            if !piece.goesOn, open.isEmpty {
                var data = piece.data
                data.timestamps = known(data.timestamps, &columns)
                whole.append(data)
                continue
            }
            open.append(piece)
            if !piece.goesOn { whole.append(try join()) }
        }
        if !columns.isEmpty { recent = columns }
        return whole
    }

    private mutating func join() throws(EncodingError) -> SeriesData {
        defer { open.removeAll() }
        var data = open[0].data
        var nanos: [Int64] = []
        var histogramNanos: [Int64] = []
        data.values.removeAll(keepingCapacity: true)
        data.histograms.removeAll(keepingCapacity: true)
        for piece in open.map(\.data) {
            guard SeriesJoiner.follows(piece.timestamps.nanos, nanos),
                SeriesJoiner.follows(piece.histogramTimestamps.nanos, histogramNanos)
            else { throw .corrupt(what: "order of pieces", offset: 0) }
            nanos += piece.timestamps.nanos
            histogramNanos += piece.histogramTimestamps.nanos
            data.values += piece.values
            data.histograms += piece.histograms
        }
        data.timestamps = TimestampColumn(nanos)
        data.histogramTimestamps = TimestampColumn(histogramNanos)
        return data
    }

    private static func follows(_ next: [Int64], _ before: [Int64]) -> Bool {
        guard let first = next.first, let last = before.last else { return true }
        return last < first
    }

    private func known(
        _ column: TimestampColumn, _ columns: inout [TimestampColumn]
    ) -> TimestampColumn {
        if let last = columns.last, last === column { return last }
        let nanos = column.nanos
        let same = recent.first { other in
            other === column
                || (other.nanos.count == nanos.count && other.nanos.first == nanos.first
                    && other.nanos.last == nanos.last && other.nanos == nanos)
        }
        let taken = same ?? column
        if columns.last !== taken { columns.append(taken) }
        return taken
    }
}
