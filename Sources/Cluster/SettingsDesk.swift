internal import Synchronization

/// Makes a node work by the cluster's settings, whatever it was started with: those that are the
/// cluster's come from its state, the others from the node's own.
final class SettingsDesk: Sendable {
    private struct State {
        var own: NodeConfiguration
        var decided: ClusterSettings?
    }

    private let state: Mutex<State>
    private let take: @Sendable (NodeConfiguration) -> Void
    private let note: @Sendable (String) -> Void

    /// `own`: what the node was started with. `take`: has it work by another configuration.
    init(
        _ own: NodeConfiguration, take: @escaping @Sendable (NodeConfiguration) -> Void,
        note: @escaping @Sendable (String) -> Void
    ) {
        state = Mutex(State(own: own))
        self.take = take
        self.note = note
    }

    /// What a cluster founded here begins with.
    var founding: ClusterSettings { ClusterSettings(state.withLock { $0.own }) }

    /// What the cluster has decided; does nothing when that is known. What the node was started
    /// with and does not count is said once.
    func settle(_ settings: ClusterSettings) {
        let (before, own) = state.withLock { state in
            defer { state.decided = settings }
            return (state.decided, state.own)
        }
        guard settings != before else { return }
        take(settings.decide(own))
        guard before == nil else { return }
        let given = ClusterSettings(own)
        for setting in ClusterSetting.allCases
        where given[setting] != settings[setting]
            && given[setting] != ClusterSettings()[setting]
        {
            note(
                "this node's \(setting.name) does not count, the cluster's does: `varve cluster "
                    + "settings` shows it, `varve cluster set` changes it")
        }
    }

    /// The node's own are others from now on.
    func reload(_ own: NodeConfiguration) {
        let decided = state.withLock { state in
            state.own = own
            return state.decided
        }
        take(decided?.decide(own) ?? own)
    }
}
