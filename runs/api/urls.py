"""Included before ``threads.api.urls``: the thread routes here know about runs."""

from django.urls import path

from runs.api.views import decisions, events, mailbox, runs, threads

urlpatterns = [
    path("threads/summaries", threads.ThreadSummariesView.as_view()),
    path("threads/<str:thread_id>", threads.ThreadView.as_view()),
    path("threads/<str:thread_id>/metadata", threads.ThreadMetadataView.as_view()),
    path("threads/<str:thread_id>/cancel", threads.ThreadCancelView.as_view()),
    path("threads/<str:thread_id>/interrupt", threads.ThreadInterruptView.as_view()),
    path("threads/<str:thread_id>/decision", decisions.ThreadDecisionView.as_view()),
    path("threads/<str:thread_id>/messages", mailbox.ThreadMessagesView.as_view()),
    path("threads/<str:thread_id>/mailbox", mailbox.ThreadMailboxView.as_view()),
    path("threads/<str:thread_id>/runs", runs.ThreadRunsView.as_view()),
    path("threads/<str:thread_id>/runs/latest", runs.LatestRunView.as_view()),
    path("threads/<str:thread_id>/runs/active", runs.ActiveRunView.as_view()),
    path("threads/<str:thread_id>/events", events.ThreadEventsView.as_view()),
    path("threads/<str:thread_id>/events/stream", events.ThreadEventStreamView.as_view()),
    path("runs", runs.RunsView.as_view()),
    path("runs/<str:run_id>", runs.RunView.as_view()),
    path("runs/<str:run_id>/inputs", mailbox.RunInputsView.as_view()),
    path("runs/<str:run_id>/cancel", runs.RunCancelView.as_view()),
    path("runs/<str:run_id>/decision", decisions.RunDecisionView.as_view()),
    path("runs/<str:run_id>/events", events.RunEventsView.as_view()),
    path("runs/<str:run_id>/events/stream", events.RunEventStreamView.as_view()),
]
