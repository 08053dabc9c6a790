internal import Platform

/// The state of a `SimulatedNetwork`: nodes, connections, and what is in flight. Decides what
/// happens next and calls nobody.
///
/// A connection is *intact* until something breaks it; each side *sees* it from its `opened` to
/// its `closed`, which come after a delay of their own, so that a side may go on sending into a
/// connection that is gone, as it would with TCP.
struct NetworkWorld: Sendable {
    /// One direction between two nodes.
    struct Link: Hashable {
        var from: PeerID
        var to: PeerID
        var reversed: Link { Link(from: to, to: from) }
        /// Both directions are one pair.
        var pair: Link { from < to ? self : reversed }
    }

    /// A process: from start to crash or stop.
    struct Node: Sendable {
        var life: Int
        var receiver: any PeerReceiver
        var featureLevel: UInt32
        var peers: Set<PeerID> = []
    }

    /// A guest's question. Only the first answer counts; a crash is one.
    private struct Ask: Sendable {
        var node: PeerID
        var isAnswered = false
        var onAnswer: @Sendable (PeerFrame?) -> Void
    }

    enum Event: Sendable {
        case frame(PeerFrame, Link, connection: Int)
        case attempt(pair: Link)
        /// `side.from` sees the connection with `side.to`.
        case opened(side: Link, connection: Int)
        case closed(side: Link, connection: Int)
        /// A link that is cut since `cut` has been silent for too long.
        case silent(Link, cut: Int)
        case question(ask: Int, PeerFrame, name: String)
        case answer(ask: Int, PeerFrame?)
    }

    /// What the shell does with no lock held.
    enum Call: Sendable {
        case received(any PeerReceiver, PeerFrame, from: PeerID)
        case connected(any PeerReceiver, PeerID, featureLevel: UInt32)
        case disconnected(any PeerReceiver, PeerID)
        case guest(any PeerReceiver, PeerFrame, name: String, ask: Int)
        case answered(@Sendable (PeerFrame?) -> Void, PeerFrame?)
    }

    var nowNanos: Int64 = 0
    var settings: SimulatedNetwork.Settings
    private(set) var counts = SimulatedNetwork.Counts()
    private(set) var queue = EventQueue<Event>()
    private var random: SplitMix
    private var nodes: [PeerID: Node] = [:]
    private var faults: [Link: LinkFaults] = [:]
    private var intact: [Link: Int] = [:]
    private var seen: [Link: Int] = [:]
    private var attempts: Set<Link> = []
    /// Links that are cut, each with the number of its cut, and what waits for their healing.
    private var cuts: [Link: Int] = [:]
    private var held: [Link: [PeerFrame]] = [:]
    private var lastNanos: [Link: Int64] = [:]
    private var openNanos: [Link: Int64] = [:]
    private var flightBytes: [Link: Int] = [:]
    private var asks: [Int: Ask] = [:]
    private var lastNumber = 0

    init(seed: UInt64, _ settings: SimulatedNetwork.Settings) {
        random = SplitMix(seed: seed)
        self.settings = settings
    }

    private mutating func number() -> Int {
        lastNumber += 1
        return lastNumber
    }

    private mutating func chance(_ probability: Double) -> Bool {
        guard probability > 0 else { return false }
        return Double(random.next() >> 11) < probability * 0x1p53
    }

    private mutating func delay(_ range: ClosedRange<Int64>) -> Int64 {
        let width = UInt64(range.upperBound - range.lowerBound)
        return range.lowerBound + Int64(random.next() % (width + 1))
    }

    // MARK: Nodes

    /// Starts a process; its number tells it from earlier ones of the node.
    mutating func start(_ id: PeerID, _ receiver: any PeerReceiver, _ featureLevel: UInt32) -> Int {
        precondition(nodes[id] == nil, "\(id) runs already")
        let life = number()
        nodes[id] = Node(life: life, receiver: receiver, featureLevel: featureLevel)
        return life
    }

    func isRunning(_ id: PeerID, _ life: Int) -> Bool { nodes[id]?.life == life }

    func receiver(of id: PeerID) -> (any PeerReceiver)? { nodes[id]?.receiver }

    /// Ends the process. Its own ends of connections vanish; returns whom it was connected with.
    mutating func end(_ id: PeerID) -> [PeerID] {
        guard nodes.removeValue(forKey: id) != nil else { return [] }
        let sides = seen.keys.filter { $0.from == id }.map(\.to).sorted()
        for peer in sides { seen[Link(from: id, to: peer)] = nil }
        for pair in intact.keys.filter({ $0.from == id || $0.to == id }).sorted(by: before) {
            sever(pair)
        }
        for ask in asks.filter({ $0.value.node == id }).keys.sorted() { reply(ask, nil) }
        return sides
    }

    mutating func setPeers(_ id: PeerID, _ peers: Set<PeerID>) {
        nodes[id]?.peers = peers.subtracting([id])
        for peer in seen.keys.filter({ $0.from == id }).map(\.to).sorted()
        where !peers.contains(peer) {
            sever(Link(from: id, to: peer).pair)
        }
        planAll()
    }

    func connected(_ id: PeerID) -> [PeerID] {
        seen.keys.filter { $0.from == id }.map(\.to).sorted()
    }

    // MARK: Frames

    mutating func send(_ frame: PeerFrame, _ link: Link, belowBytes: Int) -> Bool {
        guard let connection = seen[link] else { return refuse() }
        let waiting = flightBytes[link, default: 0]
        let count = frame.wireByteCount
        guard waiting < belowBytes,
            waiting == 0 || waiting + count <= settings.queueBytesMax
        else { return refuse() }
        counts.sent += 1
        let faults = faults[link] ?? LinkFaults()
        // Into a connection that is gone: the sender has not heard yet.
        guard intact[link.pair] == connection, !chance(faults.dropProbability) else {
            counts.lost += 1
            if intact[link.pair] == connection { sever(link.pair) }
            return true
        }
        flightBytes[link] = waiting + count
        if cuts[link] != nil {
            held[link, default: []].append(frame)
        } else {
            fly(frame, link, connection)
        }
        return true
    }

    private mutating func refuse() -> Bool {
        counts.refused += 1
        return false
    }

    private mutating func fly(_ frame: PeerFrame, _ link: Link, _ connection: Int) {
        let faults = faults[link] ?? LinkFaults()
        // Nothing overtakes the hello.
        let earliest = openNanos[link] ?? nowNanos
        var arrives = nowNanos + delay(settings.delayNanos) + faults.addedDelayNanos
        arrives = max(arrives, earliest)
        if !chance(faults.reorderProbability) {
            arrives = max(arrives, lastNanos[link] ?? 0)
            lastNanos[link] = arrives
        }
        queue.add(.frame(frame, link, connection: connection), atNanos: arrives)
        if chance(faults.duplicateProbability) {
            counts.duplicated += 1
            let again = max(nowNanos + delay(settings.delayNanos), earliest)
            queue.add(.frame(frame, link, connection: connection), atNanos: again)
        }
    }

    // MARK: Connections

    /// Breaks the pair's connection: what is in flight is lost, and both sides will see it.
    private mutating func sever(_ pair: Link) {
        guard let connection = intact.removeValue(forKey: pair) else { return }
        counts.severed += 1
        for link in [pair, pair.reversed] {
            counts.lost += held.removeValue(forKey: link)?.count ?? 0
            flightBytes[link] = nil
            // Not before it has opened there: that is what it would see.
            let sees = max(nowNanos + delay(settings.delayNanos), openNanos[link.reversed] ?? 0)
            queue.add(.closed(side: link, connection: connection), atNanos: sees)
        }
        counts.lost +=
            queue.remove { event in
                guard case .frame(_, _, connection) = event else { return false }
                return true
            }.count
    }

    private func canConnect(_ pair: Link) -> Bool {
        guard let low = nodes[pair.from], let high = nodes[pair.to] else { return false }
        return low.peers.contains(pair.to) && high.peers.contains(pair.from)
            && cuts[pair] == nil && cuts[pair.reversed] == nil && intact[pair] == nil
            && seen[pair] == nil && seen[pair.reversed] == nil
    }

    /// Schedules attempts for all that could be connected and are not.
    private mutating func planAll() {
        let ids = nodes.keys.sorted()
        for (index, low) in ids.enumerated() {
            for high in ids[(index + 1)...] { plan(Link(from: low, to: high)) }
        }
    }

    private mutating func plan(_ pair: Link) {
        guard !attempts.contains(pair), canConnect(pair) else { return }
        attempts.insert(pair)
        queue.add(.attempt(pair: pair), atNanos: nowNanos + delay(settings.redialNanos))
    }

    private mutating func connect(_ pair: Link) {
        attempts.remove(pair)
        guard canConnect(pair) else { return }
        let connection = number()
        intact[pair] = connection
        for side in [pair, pair.reversed] {
            let sees = nowNanos + delay(settings.delayNanos)
            openNanos[side.reversed] = sees
            lastNanos[side.reversed] = sees
            queue.add(.opened(side: side, connection: connection), atNanos: sees)
        }
    }

    // MARK: Faults

    mutating func setFaults(_ new: LinkFaults, _ link: Link) { faults[link] = new }

    mutating func cut(_ link: Link) {
        guard cuts[link] == nil else { return }
        let cut = number()
        cuts[link] = cut
        held[link] = queue.remove { event in
            guard case .frame(_, link, _) = event else { return false }
            return true
        }.compactMap { event in
            guard case .frame(let frame, _, _) = event else { return nil }
            return frame
        }
        queue.add(.silent(link, cut: cut), atNanos: nowNanos + settings.silenceNanos)
    }

    mutating func heal(_ link: Link) {
        guard cuts.removeValue(forKey: link) != nil else { return }
        let waiting = held.removeValue(forKey: link) ?? []
        if let connection = intact[link.pair] {
            lastNanos[link] = nowNanos
            for frame in waiting { fly(frame, link, connection) }
        }
        plan(link.pair)
    }

    mutating func healAll() {
        for link in cuts.keys.sorted(by: before) { heal(link) }
        faults = [:]
    }

    private func before(_ a: Link, _ b: Link) -> Bool { (a.from, a.to) < (b.from, b.to) }

    // MARK: Guests

    mutating func ask(
        _ node: PeerID, _ frame: PeerFrame, _ name: String,
        _ answer: @escaping @Sendable (PeerFrame?) -> Void
    ) {
        let ask = number()
        asks[ask] = Ask(node: node, onAnswer: answer)
        queue.add(
            .question(ask: ask, frame, name: name), atNanos: nowNanos + delay(settings.delayNanos))
    }

    mutating func reply(_ ask: Int, _ frame: PeerFrame?) {
        guard asks[ask]?.isAnswered == false else { return }
        asks[ask]?.isAnswered = true
        queue.add(.answer(ask: ask, frame), atNanos: nowNanos + delay(settings.delayNanos))
    }

    // MARK: Time

    /// Takes the next event, if it is due by then, and moves the time there. The call is nil when
    /// nobody hears of it.
    mutating func next(upToNanos limit: Int64) -> Call?? {
        guard let first = queue.first, first.nanos <= limit, let entry = queue.removeFirst() else {
            return nil
        }
        nowNanos = max(nowNanos, entry.nanos)
        let call = happen(entry.event)
        if call != nil { counts.note(entry.nanos, entry.event) }
        return .some(call)
    }

    private mutating func happen(_ event: Event) -> Call? {
        switch event {
        case .frame(let frame, let link, let connection):
            flightBytes[link] = max(0, flightBytes[link, default: 0] - frame.wireByteCount)
            guard seen[link.reversed] == connection, let node = nodes[link.to] else { return nil }
            return .received(node.receiver, frame, from: link.from)
        case .attempt(let pair):
            connect(pair)
            return nil
        case .opened(let side, let connection):
            guard intact[side.pair] == connection, let node = nodes[side.from],
                let other = nodes[side.to]
            else { return nil }
            seen[side] = connection
            return .connected(node.receiver, side.to, featureLevel: other.featureLevel)
        case .closed(let side, let connection):
            defer { plan(side.pair) }
            guard seen[side] == connection, let node = nodes[side.from] else { return nil }
            seen[side] = nil
            return .disconnected(node.receiver, side.to)
        case .silent(let link, let cut):
            if cuts[link] == cut { sever(link.pair) }
            return nil
        case .question(let ask, let frame, let name):
            guard let node = asks[ask].flatMap({ nodes[$0.node] }) else {
                return asks.removeValue(forKey: ask).map { .answered($0.onAnswer, nil) }
            }
            return .guest(node.receiver, frame, name: name, ask: ask)
        case .answer(let ask, let frame):
            return asks.removeValue(forKey: ask).map { .answered($0.onAnswer, frame) }
        }
    }
}
