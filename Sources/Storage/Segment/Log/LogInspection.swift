internal import Encoding

/// What a log segment's bytes are spent on, for `varve inspect`; reads and checks every block.
package struct LogInspection: Sendable {
    package private(set) var summary = LogSegmentSummary()
    /// Stored bytes of blocks: stream runs and timestamps; structured metadata; text.
    package private(set) var rowBytes = 0
    package private(set) var metadataBytes = 0
    package private(set) var textBytes = 0
    /// Blocks whose lines are held as templates.
    package private(set) var templateBlockCount = 0
    /// Stream table, directory and trailer.
    package private(set) var tailBytes = 0
    /// Rows of each table of the index file: name and stored bytes.
    package private(set) var indexTables: [(name: String, bytes: Int)] = []
    /// One sentence for each block that is corrupt.
    package private(set) var failures: [String] = []

    /// Inspects an open segment.
    package init(_ segment: LogSegment) throws(StorageError) {
        summary = segment.summary
        var end = LogDirectory.magic.count
        for (number, block) in segment.directory.blocks.enumerated() {
            end = block.offset + block.storedBytes
            do {
                _ = try segment.block(number)
                let parts = try segment.parts(ofBlock: number)
                rowBytes += parts.rows
                metadataBytes += parts.metadata
                textBytes += parts.text
                templateBlockCount += parts.form == .templates ? 1 : 0
            } catch {
                failures.append("\(error)")
            }
        }
        tailBytes = segment.fileBytes - end
        for (table, column) in [
            ("series", "content"), ("label", "present"), ("value", "content"),
            ("word", "content"),
        ] {
            let sql = "SELECT coalesce(sum(length(\(column))), 0) FROM \(table)"
            indexTables.append((table, Int(try segment.index.image.integer(sql) ?? 0)))
        }
    }
}

extension LogInspection: CustomStringConvertible {
    /// Some lines for a person.
    package var description: String {
        var text = """
            lines \(summary.lineCount), streams \(summary.streamCount), blocks \
            \(summary.blockCount) (\(templateBlockCount) with templates), raw bytes \
            \(summary.rawBytes)
            stored: rows \(rowBytes), metadata \(metadataBytes), text \(textBytes), tail \
            \(tailBytes)
            index:
            """
        for table in indexTables { text += " \(table.name) \(table.bytes)" }
        for failure in failures { text += "\n\(failure)" }
        return text
    }
}
