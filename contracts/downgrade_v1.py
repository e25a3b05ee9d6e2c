"""What has to go before an account fits into a smaller package (R4): messages of billing, version 1."""

from typing import Annotated

from pydantic import Field, StrictBool

from contracts.base import Part
from contracts.billing_v1 import ContractTerms, Count
from contracts.refusals import Refusal, Step
from contracts.values import PackageCode

MAX_STEPS = 200  # in one message


class AskDowngradePlan(Part):
    """What would have to go for this package? Nothing is requested by asking."""

    package: PackageCode
    terms: ContractTerms | None = Field(default=None, description="of a package by contract")
    with_grace: StrictBool = Field(
        default=False, description="mailboxes can be had back during the grace, and take room until it is over"
    )
    after: Annotated[int, Field(strict=True, ge=0)] = Field(default=0, description="steps seen already")
    limit: Annotated[int, Field(strict=True, ge=1, le=MAX_STEPS)] = MAX_STEPS


class Excess(Part):
    """A cap of the package that is exceeded."""

    resource: str
    used: Count
    reserved: Count
    allowed: Count
    excess: Count = Field(description="so many must go")


class DowngradePlanAnswer(Part):
    """A page of steps, in order. Nothing exceeded: the package fits as it is. Plans of one revision are the same."""

    package: PackageCode
    exceeded: tuple[Excess, ...] = ()
    steps: tuple[Step, ...] = ()
    steps_total: int = 0
    left: dict[str, int] = Field(default={}, description="what no step frees now, by resource")
    next: int | None = Field(default=None, description="asks for the following page")
    revision: int = Field(default=0, description="of the account's room")
    refusal: Refusal | None = Field(default=None, description="why the package cannot be had at all")
