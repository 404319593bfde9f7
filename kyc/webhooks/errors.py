from kyc.core.errors import Conflict
from kyc.webhooks.policy import MAX_ENDPOINTS


class EndpointDisabled(Conflict):
    code = "endpoint_disabled"
    detail = "The endpoint is disabled."
    next_step = "Enable it first: POST /v1/webhook_endpoints/{id}/enable."


class DeliveryUnderWay(Conflict):
    code = "delivery_under_way"
    detail = "This delivery has not ended yet, so there is nothing to resend."
    next_step = "Wait until its state is delivered, failed or abandoned."


class TooManyEndpoints(Conflict):
    code = "too_many_endpoints"
    detail = f"A tenant has at most {MAX_ENDPOINTS} webhook endpoints."
    next_step = "Delete one that is not needed, or subscribe an existing one to more events."
