internal import Model

/// The labels of one line while it goes through a pipeline: those of its stream, its structured
/// metadata, and what stages added, changed or dropped. All scratch is reused from line to line.
///
/// Names are numbers (`FieldNames`); values are ranges of one arena, whose front holds the
/// stream's values and stays while lines of the same stream follow each other.
struct LineFields: Sendable {
    /// Where a label came from. Later ones win over earlier ones of the same name.
    enum Origin: UInt8, Sendable { case stream, metadata, parsed }

    struct Field: Sendable {
        var name: Int
        /// Of the arena.
        var value: Range<Int>
        var origin: Origin
    }

    /// Where the field of a name stands in `fields`.
    private struct Slot: Sendable {
        /// That of the stream, or −1.
        var stream: Int32 = -1
        /// That of the line, −1 for dropped; holds where `stamp` is that of the line.
        var line: Int32 = -1
        var stamp: UInt32 = 0
    }

    var names = FieldNames()
    private(set) var arena: [UInt8] = []
    /// Stream fields first. A field is live while `index(of:)` of its name points to it.
    private(set) var fields: [Field] = []
    private var streamFieldCount = 0
    private var streamArenaCount = 0
    /// By name number.
    private var slots: [Slot] = []
    private var stamp: UInt32 = 0
    /// Whether a label of the stream was dropped or overridden on this line.
    private(set) var changesStream = false

    /// Starts with a stream's labels; forgets the line.
    mutating func beginStream(_ labels: Labels) {
        for field in fields.prefix(streamFieldCount) { slots[field.name].stream = -1 }
        fields.removeAll(keepingCapacity: true)
        arena.removeAll(keepingCapacity: true)
        labels.forEachSlice { name, value in
            let number = names.number(of: name)
            fit(number)
            let start = arena.count
            arena.append(contentsOf: value)
            slots[number].stream = Int32(fields.count)
            fields.append(Field(name: number, value: start..<arena.count, origin: .stream))
            return true
        }
        streamFieldCount = fields.count
        streamArenaCount = arena.count
        beginLine()
    }

    /// Forgets the line before.
    mutating func beginLine() {
        if fields.count > streamFieldCount {
            fields.removeLast(fields.count - streamFieldCount)
        }
        if arena.count > streamArenaCount { arena.removeLast(arena.count - streamArenaCount) }
        changesStream = false
        stamp &+= 1
        if stamp == 0 {
            for index in slots.indices { slots[index].stamp = 0 }
            stamp = 1
        }
    }

    /// Adds structured metadata, in the encoding of `Labels`. A name that the stream has gets
    /// `_extracted`.
    mutating func addMetadata(_ bytes: ArraySlice<UInt8>) {
        guard !bytes.isEmpty else { return }
        Labels(canonical: Array(bytes)).forEachSlice { name, value in
            var number = names.number(of: name)
            fit(number)
            if slots[number].stream >= 0 { number = names.extracted(number) }
            set(number, .metadata, value)
            return true
        }
    }

    private mutating func fit(_ number: Int) {
        while slots.count <= number { slots.append(Slot()) }
    }

    /// Whether the stream has the label, whatever the line did to it: then a parser's field of
    /// that name is called `…_extracted`.
    @inline(__always)
    func streamHas(_ number: Int) -> Bool {
        number < slots.count && slots[number].stream >= 0
    }

    /// What a parser's field called `number` is called: `…_extracted` where the stream or the
    /// metadata has the label. Nil when the line has it from a parser or formatter already: the
    /// first value stays.
    ///
    /// Source: Loki, grafana/loki#19991, #12800.
    @inline(__always)
    mutating func parsedName(_ number: Int) -> Int? {
        // Mostly the line has nothing of that name.
        if !streamHas(number) {
            let index = index(of: number)
            if index < 0 { return number }
            if fields[index].origin == .parsed { return nil }
        }
        let name = parsedNameReplacing(number)
        let index = index(of: name)
        return index >= 0 && fields[index].origin == .parsed ? nil : name
    }

    /// The same for a field that takes the place of one that a parser made.
    @inline(__always)
    mutating func parsedNameReplacing(_ number: Int) -> Int {
        if streamHas(number) { return names.extracted(number) }
        let index = index(of: number)
        return index >= 0 && fields[index].origin == .metadata ? names.extracted(number) : number
    }

    /// The field's place in `fields`, or −1.
    @inline(__always)
    func index(of number: Int) -> Int {
        guard number < slots.count else { return -1 }
        let slot = slots[number]
        return Int(slot.stamp == stamp ? slot.line : slot.stream)
    }

    /// Whether the line has labels called `names`, all of them from a parser: then nothing that a
    /// parser finds changes them.
    @inline(__always)
    func haveBeenParsed(_ names: [Int]) -> Bool {
        for name in names {
            let index = index(of: name)
            if index < 0 || fields[index].origin != .parsed { return false }
        }
        return true
    }

    /// The value as a range of `arena`, nil when there is no such label.
    @inline(__always)
    func value(of number: Int) -> Range<Int>? {
        let index = index(of: number)
        return index < 0 ? nil : fields[index].value
    }

    /// The value's bytes; empty when there is no such label.
    func bytes(of number: Int) -> ArraySlice<UInt8> {
        guard let range = value(of: number) else { return [] }
        return arena[range]
    }

    mutating func set(_ number: Int, _ origin: Origin, _ value: some Collection<UInt8>) {
        let start = arena.count
        arena.append(contentsOf: value)
        place(number, origin, start..<arena.count)
    }

    /// `value` is a part of the arena, as between `mark` and `mark`.
    mutating func place(_ number: Int, _ origin: Origin, _ value: Range<Int>) {
        fit(number)
        if slots[number].stream >= 0 { changesStream = true }
        slots[number].line = Int32(fields.count)
        slots[number].stamp = stamp
        fields.append(Field(name: number, value: value, origin: origin))
    }

    /// A parser's field called `number`, under the name that `parsedName` gives it, unless the
    /// line has it. `value` is a part of the arena.
    @inline(__always)
    mutating func placeParsed(_ number: Int, _ value: Range<Int>) {
        if number < slots.count, slots[number].stream < 0, slots[number].stamp != stamp {
            // Nothing of that name, as mostly.
            slots[number].line = Int32(truncatingIfNeeded: fields.count)
            slots[number].stamp = stamp
            fields.append(Field(name: number, value: value, origin: .parsed))
        } else {
            placeUnlessThere(number, value)
        }
    }

    /// The same with `text[range]` for a value. `shift`: what `append(line:)` said of the text.
    @inline(__always)
    mutating func placeParsed(_ number: Int, _ text: [UInt8], _ range: Range<Int>, _ shift: Int?) {
        if let shift {
            placeParsed(
                number, range.lowerBound &+ shift..<range.upperBound &+ shift)
        } else {
            let start = mark
            append(text, range)
            placeParsed(number, start..<mark)
        }
    }

    @inline(never)
    private mutating func placeUnlessThere(_ number: Int, _ value: Range<Int>) {
        guard let name = parsedName(number) else { return }
        place(name, .parsed, value)
    }

    /// Takes up a line whole, for a parser that makes fields of most of it: they are then parts
    /// of the arena already. How far their places in the arena are from those in the text.
    mutating func append(line text: [UInt8], _ range: Range<Int>) -> Int {
        let shift = arena.count - range.lowerBound
        arena.append(contentsOf: text[range])
        return shift
    }

    /// The end of the arena: what is appended next starts here.
    var mark: Int { arena.count }

    @inline(__always)
    mutating func append(_ byte: UInt8) { arena.append(byte) }

    @inline(__always)
    mutating func append(_ bytes: [UInt8], _ range: Range<Int>) {
        arena.append(contentsOf: bytes[range])
    }

    mutating func remove(_ number: Int) {
        guard index(of: number) >= 0 else { return }
        if slots[number].stream >= 0 { changesStream = true }
        slots[number].line = -1
        slots[number].stamp = stamp
    }

    /// Sets `__error__` and `__error_details__`.
    mutating func setError(_ kind: StaticString, _ details: StaticString) {
        append(kind, as: FieldNames.error)
        append(details, as: FieldNames.errorDetails)
    }

    /// The same with details that depend on the line.
    mutating func setError(_ kind: StaticString, details: String) {
        append(kind, as: FieldNames.error)
        set(FieldNames.errorDetails, .parsed, details.utf8)
    }

    private mutating func append(_ text: StaticString, as number: Int) {
        set(number, .parsed, Array(text.description.utf8))
    }

    var hasError: Bool { index(of: FieldNames.error) >= 0 }

    /// Calls `body` with every live field that is not empty, in no order that means anything.
    @inline(__always)
    func forEachLive(_ body: (Field) -> Void) {
        var position = 0
        while position < fields.count {
            let field = fields[position]
            if index(of: field.name) == position, !field.value.isEmpty { body(field) }
            position += 1
        }
    }
}

/// Label names as numbers, for one pipeline.
struct FieldNames: Sendable {
    static let error = 0
    static let errorDetails = 1

    private var table = ByteKeyTable()
    /// Number of `name_extracted` by number of `name`; −1 until it is asked for.
    private var extractedNumbers: [Int32] = []

    init() {
        _ = number(of: Array("__error__".utf8)[...])
        _ = number(of: Array("__error_details__".utf8)[...])
    }

    var count: Int { table.count }

    mutating func number(of name: ArraySlice<UInt8>) -> Int {
        let bytes = Array(name)
        let (number, isNew) = table.number(of: bytes, 0..<bytes.count)
        if isNew { extractedNumbers.append(-1) }
        return number
    }

    mutating func number(of name: String) -> Int { number(of: Array(name.utf8)[...]) }

    /// The number of the name with `_extracted` behind it.
    mutating func extracted(_ number: Int) -> Int {
        if extractedNumbers[number] < 0 {
            let name = Array(table.key(number)) + Array("_extracted".utf8)
            extractedNumbers[number] = Int32(self.number(of: name[...]))
        }
        return Int(extractedNumbers[number])
    }

    func bytes(_ number: Int) -> ArraySlice<UInt8> { table.key(number) }
}
