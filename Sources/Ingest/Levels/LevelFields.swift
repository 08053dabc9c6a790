/// The names under which labels, structured metadata and fields of a line say its level, in the
/// order in which they count: Loki's default of `log_level_fields`.
///
/// Source: grafana/loki pkg/distributor/field_detection.go.
package enum LevelFields {
    package static let names = [
        "level", "LEVEL", "Level", "log.level", "severity", "SEVERITY", "Severity", "SeverityText",
        "lvl", "LVL", "Lvl", "severity_text", "Severity_Text", "SEVERITY_TEXT",
    ]

    /// How far behind `name` counts, 0 for the first; nil when it says no level.
    static func rank(of name: ArraySlice<UInt8>) -> Int? {
        guard canBeOne(name) else { return nil }
        return spellings.firstIndex { $0.count == name.count && $0.elementsEqual(name) }
    }

    /// The same in any case of letters, which is how names of logfmt count.
    static func foldedRank(of name: ArraySlice<UInt8>) -> Int? {
        guard canBeOne(name), let text = FoldedText(name) else { return nil }
        return folded.firstIndex(of: text)
    }

    /// Tells most names apart at a glance.
    @inline(__always)
    private static func canBeOne(_ name: ArraySlice<UInt8>) -> Bool {
        guard let first = name.first else { return false }
        return (first | 0x20 == 0x6C || first | 0x20 == 0x73) && name.count <= 13
    }

    private static let spellings = names.map { Array($0.utf8) }
    private static let folded = names.map { FoldedText(Array($0.utf8)[...]) }
}
