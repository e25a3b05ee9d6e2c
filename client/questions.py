"""Asking the workers. The overloads say which answer belongs to which question."""

from typing import Any, overload

from pydantic import BaseModel

from client.connection import Connection
from contracts import billing_v1 as billing
from contracts import dnscheck_v1 as dnscheck
from contracts import domain_v1 as domain
from contracts import forwarding_v1 as forwarding
from contracts import invoicing_v1 as invoicing
from contracts import mailbox_v1 as mailbox
from contracts.messages import REGISTRY, AskRequest, RequestAnswer
from contracts.registry import Message

ASK_TIMEOUT_SECONDS = 5.0


class Questions:
    """The part of the client that asks. It reads only; nothing is stored on the bus."""

    _connection: Connection

    @overload
    async def ask(
        self, question: AskRequest, *, service: str, account: str | None = ..., timeout: float = ...
    ) -> RequestAnswer: ...
    @overload
    async def ask(
        self, question: billing.AskAccount, *, account: str | None = ..., timeout: float = ...
    ) -> billing.AccountAnswer: ...
    @overload
    async def ask(
        self, question: billing.AskUsage, *, account: str | None = ..., timeout: float = ...
    ) -> billing.UsageAnswer: ...
    @overload
    async def ask(
        self, question: billing.AskQuote, *, account: str | None = ..., timeout: float = ...
    ) -> billing.QuoteAnswer: ...
    @overload
    async def ask(
        self, question: billing.AskCatalogue, *, account: str | None = ..., timeout: float = ...
    ) -> billing.CatalogueAnswer: ...
    @overload
    async def ask(
        self, question: invoicing.AskInvoices, *, account: str | None = ..., timeout: float = ...
    ) -> invoicing.InvoicesAnswer: ...
    @overload
    async def ask(
        self, question: invoicing.AskInvoice, *, account: str | None = ..., timeout: float = ...
    ) -> invoicing.InvoiceAnswer: ...
    @overload
    async def ask(
        self, question: invoicing.AskInvoiceLine, *, account: str | None = ..., timeout: float = ...
    ) -> invoicing.InvoiceLineAnswer: ...
    @overload
    async def ask(
        self, question: invoicing.AskInvoiceFile, *, account: str | None = ..., timeout: float = ...
    ) -> invoicing.InvoiceFileAnswer: ...
    @overload
    async def ask(
        self, question: domain.AskDomain, *, account: str | None = ..., timeout: float = ...
    ) -> domain.DomainAnswer: ...
    @overload
    async def ask(
        self, question: domain.AskDomains, *, account: str | None = ..., timeout: float = ...
    ) -> domain.DomainsAnswer: ...
    @overload
    async def ask(
        self, question: dnscheck.AskAttempts, *, account: str | None = ..., timeout: float = ...
    ) -> dnscheck.AttemptsAnswer: ...
    @overload
    async def ask(
        self, question: forwarding.AskForwardOnly, *, account: str | None = ..., timeout: float = ...
    ) -> forwarding.ForwardOnlyAnswer: ...
    @overload
    async def ask(
        self, question: forwarding.AskCatchAlls, *, account: str | None = ..., timeout: float = ...
    ) -> forwarding.CatchAllsAnswer: ...
    @overload
    async def ask(
        self, question: mailbox.AskMailbox, *, account: str | None = ..., timeout: float = ...
    ) -> mailbox.MailboxAnswer: ...
    @overload
    async def ask(
        self, question: mailbox.AskMailboxes, *, account: str | None = ..., timeout: float = ...
    ) -> mailbox.MailboxesAnswer: ...
    @overload
    async def ask(
        self, question: mailbox.AskFeatures, *, account: str | None = ..., timeout: float = ...
    ) -> mailbox.FeaturesAnswer: ...
    @overload
    async def ask(
        self, question: mailbox.AskGroups, *, account: str | None = ..., timeout: float = ...
    ) -> mailbox.GroupsAnswer: ...

    async def ask(
        self,
        question: BaseModel,
        *,
        service: str | None = None,
        account: str | None = None,
        timeout: float = ASK_TIMEOUT_SECONDS,
    ) -> Any:
        """Ask a question and return its answer. Raise Unanswered when nobody does, QuestionFailed when it goes wrong.

        `service` is needed only where every worker answers, as for `AskRequest`.
        """
        message = _message_of(question, service)
        subject = message.subject(self._account_of(account))
        answer = await self._connection.ask(subject, question.model_dump_json().encode(), timeout)
        assert message.reply is not None, "a question names its reply"
        return message.reply.model_validate_json(answer)

    def _account_of(self, account: str | None) -> str:
        raise NotImplementedError


def _message_of(question: BaseModel, service: str | None) -> Message:
    message = REGISTRY.of(type(question))
    if service is None or service == message.service:
        return message
    found = REGISTRY.find("qry", f"{service}.{message.name}.v{message.version}")
    if found is None:
        raise ValueError(f"{service} does not answer {type(question).__name__}")
    return found
