from django.urls import path

from threads.api.views import ThreadMessagesView, ThreadMetadataView, ThreadsView, ThreadView

urlpatterns = [
    path("threads", ThreadsView.as_view()),
    path("threads/<str:thread_id>", ThreadView.as_view()),
    path("threads/<str:thread_id>/metadata", ThreadMetadataView.as_view()),
    path("threads/<str:thread_id>/messages", ThreadMessagesView.as_view()),
]
