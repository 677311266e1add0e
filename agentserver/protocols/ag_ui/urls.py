from django.urls import path

from agentserver.protocols.ag_ui import views

urlpatterns = [
    path("run", views.RunView.as_view()),
    path("threads/<str:thread_id>/runs", views.ThreadRunView.as_view()),
    path("agents/<str:agent_id>/runs", views.AgentRunView.as_view()),
    path("threads/<str:thread_id>/interrupt", views.InterruptView.as_view()),
    path("threads/<str:id>/messages", views.MessagesView.as_view()),
]
