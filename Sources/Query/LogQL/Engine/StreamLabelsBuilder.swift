internal import Encoding
internal import Model

/// Makes the label sets of lines, by origin. Lines of one program have the same labels in the same
/// order, so how they are to be sorted is kept from line to line, and a set is written once: those
/// of one origin are pieces of it.
struct StreamLabelsBuilder: Sendable {
    /// Names of the line before as its labels stood, and their places in order of the names.
    private var names: [Int] = []
    private var order: [Int] = []
    /// Places in `LineFields.fields` of the labels of the line at hand.
    private var live: [Int] = []
    /// All labels, canonical; those of one origin.
    private var all: [UInt8] = []
    private var part: [UInt8] = []
    /// Where each label ends in `all`, in order.
    private var ends: [Int] = []

    /// The labels of the line.
    mutating func labels(of fields: LineFields) -> LogStreamLabels {
        live.removeAll(keepingCapacity: true)
        var counts = (stream: 0, metadata: 0, parsed: 0)
        for position in fields.fields.indices {
            let field = fields.fields[position]
            guard fields.index(of: field.name) == position, !field.value.isEmpty else { continue }
            live.append(position)
            switch field.origin {
            case .stream: counts.stream += 1
            case .metadata: counts.metadata += 1
            case .parsed: counts.parsed += 1
            }
        }
        sort(fields)
        all.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
        for index in order {
            append(fields.fields[live[index]], of: fields)
            ends.append(all.count)
        }
        let labels = Labels(canonical: Array(all[...]))
        return LogStreamLabels(
            labels: labels, stream: piece(labels, .stream, counts.stream, fields),
            metadata: piece(labels, .metadata, counts.metadata, fields),
            parsed: piece(labels, .parsed, counts.parsed, fields))
    }

    /// Sets `order` for the labels of `live`.
    private mutating func sort(_ fields: LineFields) {
        var isKnown = names.count == live.count
        for (index, position) in live.enumerated() where isKnown {
            isKnown = names[index] == fields.fields[position].name
        }
        if isKnown { return }
        names.removeAll(keepingCapacity: true)
        for position in live { names.append(fields.fields[position].name) }
        order = names.indices.sorted {
            fields.names.bytes(names[$0]).lexicographicallyPrecedes(fields.names.bytes(names[$1]))
        }
    }

    private mutating func append(_ field: LineFields.Field, of fields: LineFields) {
        let name = fields.names.bytes(field.name)
        Varint.append(UInt64(name.count), to: &all)
        all.append(contentsOf: name)
        let value = fields.arena[field.value]
        if StreamLabelsBuilder.isUTF8(value) {
            Varint.append(UInt64(value.count), to: &all)
            all.append(contentsOf: value)
        } else {
            // Labels are UTF-8; what is not is repaired here, the line keeps its bytes.
            let repaired = String(decoding: value, as: UTF8.self).utf8
            Varint.append(UInt64(repaired.count), to: &all)
            all.append(contentsOf: repaired)
        }
    }

    private static func isUTF8(_ bytes: ArraySlice<UInt8>) -> Bool {
        var union: UInt8 = 0
        for byte in bytes { union |= byte }
        return union < 0x80 || String(validating: bytes, as: UTF8.self) != nil
    }

    /// The `count` labels of `origin`.
    private mutating func piece(
        _ labels: Labels, _ origin: LineFields.Origin, _ count: Int, _ fields: LineFields
    ) -> Labels {
        if count == 0 { return .empty }
        if count == live.count { return labels }
        part.removeAll(keepingCapacity: true)
        var start = 0
        for (index, end) in zip(order, ends) {
            if fields.fields[live[index]].origin == origin {
                part.append(contentsOf: all[start..<end])
            }
            start = end
        }
        return Labels(canonical: Array(part[...]))
    }
}
