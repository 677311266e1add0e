from django.urls import path

from agentserver.protocols.ai_sdk import views

urlpatterns = [
    path("chat", views.ChatView.as_view()),
    path("chat/<str:thread_id>/stream", views.StreamView.as_view()),
    path("threads/<str:thread_id>/runs", views.ThreadRunsView.as_view()),
    path("threads/<str:thread_id>/stream", views.StreamView.as_view()),
    path("threads/<str:thread_id>/messages", views.ThreadMessagesView.as_view()),
    path("threads/<str:thread_id>/cancel", views.ThreadCancelView.as_view()),
    path("threads/<str:thread_id>/interrupt", views.ThreadInterruptView.as_view()),
    path("agents/<str:agent_id>/runs", views.AgentRunsView.as_view()),
]
