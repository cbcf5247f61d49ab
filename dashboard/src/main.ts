import { createApp } from 'vue'
import App from './App.vue'
import { whenSignedOut } from './api/request'
import { router } from './router'
import { endSession } from './state/signedOut'
import './style/tokens.css'
import './style/base.css'

whenSignedOut(() => {
  endSession(router)
})
createApp(App).use(router).mount('#app')
