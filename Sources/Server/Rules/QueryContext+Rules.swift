internal import Model
internal import Platform
internal import Query

/// Rules ask as the reading endpoints do: same door, same limits.
extension QueryContext {
    func ruleEvaluator(for tenant: Tenant) -> any RuleEvaluator {
        QuerierRuleEvaluator(
            querier: querier, tenant: tenant, engine: PromQLEngine(clock: queryClock)
        ) { budget() }
    }
}
