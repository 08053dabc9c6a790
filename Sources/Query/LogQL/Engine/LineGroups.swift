internal import Model

/// Numbers the label sets that lines end up with, 0 upwards: all of their labels, or those that a
/// grouping keeps. A line whose set was seen before costs one hash of its values, no allocation.
struct LineGroups: Sendable {
    private let grouping: LabelGrouping?
    /// Never part of a set: the label that was unwrapped.
    private let unwrapName: Int?
    private var byNames: [Int] = []
    private var withoutNames: [Int] = []
    private var isResolved = false
    private var table = ByteKeyTable()
    /// Group by number in `table`: the same set may arrive with its labels in another order.
    private var groupsByKey: [Int32] = []
    private var groupsByLabels: [Labels: Int32] = [:]
    private(set) var labels: [Labels] = []
    private var key: [UInt8] = []

    init(grouping: LabelGrouping?, unwrapName: Int?) {
        self.grouping = grouping
        self.unwrapName = unwrapName
    }

    var count: Int { labels.count }

    mutating func removeAll() {
        table.removeAll()
        groupsByKey.removeAll(keepingCapacity: true)
        groupsByLabels.removeAll(keepingCapacity: true)
        labels.removeAll(keepingCapacity: true)
    }

    /// Looks up the grouping's names; once, before the first line.
    mutating func resolve(in pipeline: inout LogPipeline) {
        guard let grouping, !isResolved else { return }
        isResolved = true
        let numbers = grouping.names.map { pipeline.name($0) }
        if grouping.isWithout { withoutNames = numbers } else { byNames = numbers }
    }

    /// The group of a line. `byOrigin`: sets that differ only in where a label came from are two,
    /// and each key is its own group.
    mutating func number(of fields: LineFields, byOrigin: Bool) -> (number: Int, isNew: Bool) {
        key.removeAll(keepingCapacity: true)
        if let grouping, !grouping.isWithout {
            for name in byNames where name != unwrapName {
                let value = fields.value(of: name) ?? 0..<0
                append(UInt32(value.count))
                key.append(contentsOf: fields.arena[value])
            }
        } else {
            appendAll(fields, byOrigin)
        }
        let (number, isNewKey) = table.number(of: key, 0..<key.count)
        guard isNewKey else { return (Int(groupsByKey[number]), false) }
        if byOrigin {
            groupsByKey.append(Int32(number))
            return (number, true)
        }
        let (group, isNew) = self.number(of: makeLabels(fields))
        groupsByKey.append(Int32(group))
        return (group, isNew)
    }

    /// The group with these labels, that no line here needs to have had.
    mutating func number(of set: Labels) -> (number: Int, isNew: Bool) {
        if let known = groupsByLabels[set] { return (Int(known), false) }
        let group = labels.count
        groupsByLabels[set] = Int32(group)
        labels.append(set)
        return (group, true)
    }

    private mutating func appendAll(_ fields: LineFields, _ byOrigin: Bool) {
        var position = 0
        while position < fields.fields.count {
            let field = fields.fields[position]
            if fields.index(of: field.name) == position, !field.value.isEmpty,
                isKept(field.name)
            {
                append(UInt32(field.name) << 2 | (byOrigin ? UInt32(field.origin.rawValue) : 0))
                append(UInt32(field.value.count))
                key.append(contentsOf: fields.arena[field.value])
            }
            position += 1
        }
    }

    private func isKept(_ name: Int) -> Bool {
        name != unwrapName && !withoutNames.contains(name)
    }

    private mutating func append(_ number: UInt32) {
        key.append(UInt8(truncatingIfNeeded: number))
        key.append(UInt8(truncatingIfNeeded: number >> 8))
        key.append(UInt8(truncatingIfNeeded: number >> 16))
        key.append(UInt8(truncatingIfNeeded: number >> 24))
    }

    private func makeLabels(_ fields: LineFields) -> Labels {
        var builder = LabelsBuilder()
        let isBy = grouping.map { !$0.isWithout } ?? false
        fields.forEachLive { field in
            guard isKept(field.name), !isBy || byNames.contains(field.name) else { return }
            LineGroups.set(field, of: fields, in: &builder)
        }
        return builder.build()
    }

    private static func set(
        _ field: LineFields.Field, of fields: LineFields, in builder: inout LabelsBuilder
    ) {
        let name = fields.names.bytes(field.name)
        let value = fields.arena[field.value]
        if String(validating: value, as: UTF8.self) != nil {
            builder.set(name, value)
        } else {
            // Labels are UTF-8; what is not is repaired here, the line keeps its bytes.
            builder.set(
                name, Array(String(decoding: value, as: UTF8.self).utf8)[...])
        }
    }
}
